/** Who goes first when there is not enough for all (SRE ch. 21, criticality). In order: the first goes first. */
export const PRIORITIES = {
  critical: "goes before all others: somebody is harmed when it is refused",
  default: "what is not said otherwise",
  sheddable: "goes only when nothing else waits: its caller does well without an answer",
} as const;

export type Priority = keyof typeof PRIORITIES;

export const PRIORITY_ORDER = Object.keys(PRIORITIES) as readonly Priority[];

/** @returns null when it is none */
export function readPriority(text: string): Priority | null {
  return Object.hasOwn(PRIORITIES, text) ? (text as Priority) : null;
}
