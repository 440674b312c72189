/**
 * How long to compute between two checkpoints.
 *
 * Daly (2006), "A higher order estimate of the optimum checkpoint interval for restart dumps", eq. 37: with C the time
 * that a checkpoint holds the program up and M the mean time between failures,
 *
 *   τ = √(2CM) · [1 + ⅓ √(C/2M) + ⅑ (C/2M)] − C   if C < 2M,   else τ = M.
 *
 * The optimum is flat: half or twice as long costs about one percent, so a rough M will do.
 *
 * CI1 The task's bounds stand above everything else.
 * CI2 Checkpoints never take more than a third of the time, and are never begun faster than they can be stored.
 */
export interface IntervalBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** What was chosen, and why it is that long. */
export const INTERVAL_REASONS = {
  fixed: "as the job or its task says",
  first: "the shortest that the task allows, until the first checkpoint has shown what one costs",
  optimum: "Daly's optimum of what a checkpoint costs and how often workers are lost",
  shortest: "the shortest that the task allows; the optimum is shorter",
  longest: "the longest that the task allows; the optimum is longer",
  overhead: "so that checkpoints take no more than a third of the time",
  storing: "so that a checkpoint is stored before the next one begins",
  again: "the last checkpoint failed and is tried again soon",
} as const;
export type IntervalReason = keyof typeof INTERVAL_REASONS;

export interface CheckpointInterval {
  /** Work between two checkpoints, ms. */
  readonly ms: number;
  /** What a checkpoint holds the program up, ms; null: none was measured yet. */
  readonly costMs: number | null;
  /** Mean time between losses of a worker, ms. */
  readonly mtbfMs: number;
  readonly why: IntervalReason;
}

/** What checkpoints of this job cost, averaged; ms. */
export interface CheckpointCost {
  /** The program stood still. */
  readonly blockedMs: number;
  /** From the beginning to the commit; the program goes on during most of it. */
  readonly totalMs: number;
}

/** Of a program that makes checkpoints by itself, or none: nobody asks for any. ms */
export const NEVER_ASKED_MS = 2_147_483_647;

/** Most of the time that checkpoints may take (CI2). */
const OVERHEAD = 1 / 3;
/** Weight of the latest measurement in the average. */
const LATEST = 0.3;

/**
 * Daly's optimum, eq. 37.
 * @param costMs C, ms
 * @param mtbfMs M, ms
 * @returns τ, ms of work between two checkpoints
 */
export function dalyMs(costMs: number, mtbfMs: number): number {
  if (costMs >= 2 * mtbfMs) return mtbfMs;
  const ratio = costMs / (2 * mtbfMs);
  return Math.sqrt(2 * costMs * mtbfMs) * (1 + Math.sqrt(ratio) / 3 + ratio / 9) - costMs;
}

/** The average after one more measurement. */
export function averageCost(before: CheckpointCost | null, latest: CheckpointCost): CheckpointCost {
  if (before === null) return latest;
  const mix = (old: number, young: number): number => old + LATEST * (young - old);
  return { blockedMs: mix(before.blockedMs, latest.blockedMs), totalMs: mix(before.totalMs, latest.totalMs) };
}

/**
 * The interval for a job whose checkpoints cost `cost`, on workers that are lost every `mtbfMs`.
 * @param wanted `auto`, or what the job or its task says, ms
 */
export function chooseInterval(
  wanted: "auto" | number,
  cost: CheckpointCost | null,
  mtbfMs: number,
  bounds: IntervalBounds,
): CheckpointInterval {
  const costMs = cost === null ? null : Math.round(cost.blockedMs);
  const chosen = (ms: number, why: IntervalReason): CheckpointInterval => ({
    ms: Math.round(ms),
    costMs,
    mtbfMs: Math.round(mtbfMs),
    why,
  });
  if (wanted !== "auto") return chosen(wanted, "fixed");
  if (cost === null) return chosen(bounds.minMs, "first");
  let ms = dalyMs(cost.blockedMs, mtbfMs);
  let why: IntervalReason = "optimum";
  const atLeast = (floorMs: number, reason: IntervalReason): void => {
    if (ms < floorMs) [ms, why] = [floorMs, reason];
  };
  atLeast(cost.blockedMs * (1 / OVERHEAD - 1), "overhead"); // CI2
  atLeast(cost.totalMs - cost.blockedMs, "storing"); // CI2
  atLeast(bounds.minMs, "shortest"); // CI1
  if (ms > bounds.maxMs) [ms, why] = [bounds.maxMs, "longest"]; // CI1
  return chosen(ms, why);
}
