/**
 * How long to compute between two checkpoints.
 *
 * Young (1974) and Daly (2006) balance the cost of checkpoints against the work lost at a failure. As long as the
 * failure rate is not measured, the overhead is bounded instead: a checkpoint may cost a fixed share of the time.
 */
export interface IntervalBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Share of the time that checkpoints may take while the failure rate is unknown. */
const OVERHEAD = 0.01;

/**
 * @param costMs what the last checkpoint cost the program, ms; null before the first
 * @returns milliseconds of work until the next checkpoint
 */
export function checkpointIntervalMs(costMs: number | null, bounds: IntervalBounds): number {
  const wanted = costMs === null ? bounds.minMs : costMs / OVERHEAD;
  return Math.min(Math.max(wanted, bounds.minMs), bounds.maxMs);
}
