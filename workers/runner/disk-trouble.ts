/** A disk that is full, or that fails, is not the fault of the task that wants to write there. */
import { isDiskFailure, isNoRoom } from "../../src/checkpoints/checkpoints.ts";

/** @returns null: it is another error */
export function diskTrouble(error: unknown): "disk_full" | "disk_failed" | null {
  if (isNoRoom(error)) return "disk_full";
  return isDiskFailure(error) ? "disk_failed" : null;
}

/** Why a state could not be saved. */
export function whyNotSaved(error: unknown): "task" | "no_room" | "disk_failed" {
  if (isNoRoom(error)) return "no_room";
  return isDiskFailure(error) ? "disk_failed" : "task";
}
