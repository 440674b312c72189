/**
 * When a second attempt starts beside one that takes long (Dean and Barroso, The Tail at Scale, 2013: after the 95th
 * percentile, which adds about 5% of load).
 */

/** Below this a hedge would be started by the jitter of timers, not by a slow replica. */
export const MIN_HEDGE_DELAY_MS = 10;

/**
 * The median of the replicas' own 95th percentiles, so that one slow replica does not move it; null: nothing is known.
 * @param p95s one number for each replica that has samples, ms
 */
export function typicalP95Ms(p95s: readonly number[]): number | null {
  const sorted = [...p95s].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

/**
 * How old an attempt has to be before it is hedged, ms: the typical 95th percentile; a quarter of the deadline while
 * nothing is known.
 *
 * @param typicalMs see `typicalP95Ms`
 * @param deadlineMs of the request
 */
export function hedgeDelayMs(typicalMs: number | null, deadlineMs: number): number {
  return Math.max(MIN_HEDGE_DELAY_MS, typicalMs ?? deadlineMs / 4);
}

/** A healthy replica has said by then that it has an attempt; twice its own delay. */
const ANNOUNCED_MS = 40;
/** A healthy replica has shown a new beat by then; twice its interval. */
const BEATEN_MS = 500;

/**
 * Does an attempt look lost rather than slow? Slow ones may be hedged for 5% of the requests; those that look lost may
 * draw on the whole budget of repetitions, or a few slow answers would leave nothing for a replica that freezes.
 *
 * @param attempt.ageMs since it was sent
 * @param attempt.silenceMs since the last beat of the replica that has it; null: nobody has said that he has it
 */
export function looksLost(attempt: { readonly ageMs: number; readonly silenceMs: number | null }): boolean {
  return attempt.silenceMs === null ? attempt.ageMs > ANNOUNCED_MS : attempt.silenceMs > BEATEN_MS;
}
