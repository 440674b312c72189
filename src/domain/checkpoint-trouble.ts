/** Why a checkpoint is not there: it was dropped before it was committed, or set aside when it was to be read back. */
export const CHECKPOINT_TROUBLES = {
  save_failed: "the task could not save its state",
  no_room: "there was no room for it",
  changed: "its files changed before it was complete, frozen or stored",
  not_stored: "the store did not take it",
  unreadable: "it could not be read back whole",
} as const;

export type CheckpointTrouble = keyof typeof CHECKPOINT_TROUBLES;
/** Of those that were never committed. */
export type CheckpointDrop = Exclude<CheckpointTrouble, "unreadable">;
