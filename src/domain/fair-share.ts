/**
 * Whose job is next, among those of one priority: start-time fair queueing (Goyal, Vin, Cheng 1996), a job costing one.
 *
 * FS1 A job gets a rank when it becomes ready: where its caller's jobs before it end, but never behind the present (the
 *     rank that was drawn last). So who submits one job waits for about one job of every other caller, however many
 *     they have.
 * FS2 Jobs of one caller keep the order in which they became ready.
 * FS3 Nobody saves up: a caller without jobs is forgotten, and begins at the present when it comes back. Nor does it pay
 *     for jobs that it took back, once none of its jobs wait.
 * FS4 A rank is kept over a loss, a migration or a new ticket: what was waited for is not waited for again.
 * FS5 When nobody waits, ranks begin at 0 again. They have room for 99,863 rounds of all callers without such a moment;
 *     what comes then is served as it came until the lane is empty once.
 *
 * A lane is a pool at a priority. `scripts/lib/fair.lua` is this in Lua.
 */

export interface Lane {
  /** Rank that was drawn last. */
  readonly present: number;
  /** Caller → rank of its next job. */
  readonly next: ReadonlyMap<string, number>;
  /** Caller → how many of its jobs wait. */
  readonly waiting: ReadonlyMap<string, number>;
}

export const EMPTY_LANE: Lane = { present: 0, next: new Map(), waiting: new Map() };

/** FS1: a job becomes ready. @param kept the rank it has already (FS4) */
export function enter(
  lane: Lane,
  caller: string,
  kept: number | null = null,
): { readonly lane: Lane; readonly rank: number } {
  const waiting = new Map(lane.waiting).set(caller, (lane.waiting.get(caller) ?? 0) + 1);
  if (kept !== null) return { lane: { ...lane, waiting }, rank: Math.min(kept, lane.present) };
  const rank = Math.max(lane.present, lane.next.get(caller) ?? 0);
  return { lane: { ...lane, waiting, next: new Map(lane.next).set(caller, rank + 1) }, rank };
}

/** A job waits no more. @param drawn a worker took it; else it was cancelled, stopped or expired */
export function leave(lane: Lane, caller: string, rank: number, drawn: "drawn" | "withdrawn"): Lane {
  const waiting = new Map(lane.waiting);
  const left = (waiting.get(caller) ?? 0) - 1;
  if (left > 0) waiting.set(caller, left);
  else waiting.delete(caller);
  if (waiting.size === 0) return EMPTY_LANE; // FS5
  const next = new Map(lane.next);
  const present = drawn === "drawn" ? Math.max(lane.present, rank) : lane.present;
  if (left <= 0 && drawn === "withdrawn") next.delete(caller); // FS3
  return { present, next, waiting };
}

/** Priorities −10…10. */
const BANDS = 21;
/** Ranks of one priority: BullMQ takes 1 to 2,097,151 (2²¹ − 1). */
export const RANKS = Math.floor(2_097_151 / BANDS);

/** The place of a ticket among all of its queue, for BullMQ: 1 is drawn first. @param priority higher first */
export function ticketPlace(priority: number, rank: number): number {
  return 1 + (10 - priority) * RANKS + Math.max(0, Math.min(rank, RANKS - 1));
}
