/**
 * Where the time of a job went. Goodput is the share that made progress which was kept.
 *
 * GP1 The parts add up exactly to the whole: every millisecond is counted once.
 * GP2 Computing counts as useful as far as a checkpoint, or the end of the job, has kept it; the rest has to be done
 *     again and counts as redone, in the attempt that lost it.
 * GP3 Of an attempt whose worker was lost nobody can say what it did after its last sign of life: that is detecting.
 *
 * `splitAttempt` is what `close_attempt` in `batch/scripts/lib/job.lua` does at the end of an attempt; a test holds
 * the two together.
 */

/** What the time of a job is spent on; the names of the fields and of the metric. */
export const TIME_PARTS = {
  useful: "computing that a checkpoint or the end of the job has kept",
  checkpoint: "the program stood still for a checkpoint, or its result was stored",
  restore: "from the lease to the first step: starting processes, fetching and verifying a checkpoint",
  redone: "computing that was lost and has to be done again",
  detect: "from the last sign of life of a lost worker until its lease was taken",
  queued: "ready, waiting for a slot",
  held: "not to run yet: before its time, pausing before a retry, waiting for other jobs, stopped by a person, or ended",
} as const;
export type TimePart = keyof typeof TIME_PARTS;

/** ms of each part. */
export type TimeSpent = Readonly<Record<TimePart, number>>;

/** What a keeper has measured since its attempt began, ms. */
export interface AttemptAccount {
  /** Until the first step; null: it has not come so far. */
  readonly restoreMs: number | null;
  readonly checkpointMs: number;
  /** Computing before the last checkpoint that was committed. */
  readonly keptMs: number;
}

export type AttemptSpent = Pick<TimeSpent, "useful" | "checkpoint" | "restore" | "redone" | "detect">;

/**
 * Divides the time of an attempt (GP1, GP2, GP3).
 *
 * @param elapsedMs from the lease to the end, or until now
 * @param account null: nothing was ever heard of it
 * @param ending `kept`: all it computed counts (it succeeded, or still runs); `lost`: only up to its last checkpoint
 * @param silentMs from its last sign of life to the end; 0 unless its worker was lost
 */
export function splitAttempt(
  elapsedMs: number,
  account: AttemptAccount | null,
  ending: "kept" | "lost",
  silentMs: number,
): AttemptSpent {
  let left = Math.max(0, Math.round(elapsedMs));
  const take = (ms: number): number => {
    const taken = Math.min(Math.max(0, Math.round(ms)), left);
    left -= taken;
    return taken;
  };
  const detect = take(silentMs);
  const restore = take(account?.restoreMs ?? left);
  const checkpoint = take(account?.checkpointMs ?? 0);
  const useful = take(ending === "kept" ? left : (account?.keptMs ?? 0));
  return { detect, restore, checkpoint, useful, redone: left };
}

/** The sum of all parts (GP1). */
export function wholeMs(spent: TimeSpent): number {
  return (Object.keys(TIME_PARTS) as TimePart[]).reduce((sum, part) => sum + spent[part], 0);
}

/** Share of the time that was useful, of all but what somebody held it back for; null when there was none. */
export function goodputOf(spent: TimeSpent): number | null {
  const counted = wholeMs(spent) - spent.held;
  return counted <= 0 ? null : spent.useful / counted;
}
