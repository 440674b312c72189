/**
 * When a job is to blame for the workers that were lost under it.
 *
 * QU1 Losses in a row are counted, from one committed checkpoint to the next: a job that gets on is never blamed.
 * QU2 It takes three, on two different workers; where no other took it, five.
 * QU3 They must be more than bad luck. On machines that fail every minute an innocent job loses three in a row every
 *     day. So the odds that each came by chance, at the rate at which this fleet loses workers, are multiplied; blame
 *     begins at one in a million. No single loss counts for less than one in a hundred: rates are estimates.
 * QU4 Whatever the odds, twenty are enough.
 *
 * `let_go` in `batch/scripts/lib/job.lua` decides with these numbers; a test holds the two together.
 */
export const QUARANTINE = {
  strikes: 3,
  strikesAlone: 5,
  strikesAtMost: 20,
  /** log10 of the odds of all losses together; a little above −6, for three at the least of each. */
  odds: -5.99,
  /** log10 */
  oddsOfOneAtLeast: -2,
} as const;

/** What a job has lost since its last checkpoint. */
export interface Strikes {
  readonly count: number;
  readonly workers: number;
  /** log10 of the odds that chance alone did it. */
  readonly odds: number;
}

/**
 * log10 of the odds that a worker is lost within `elapsedMs` by chance (exponential failures).
 * @param mtbfMs mean time between losses of a worker
 */
export function oddsOfLoss(elapsedMs: number, mtbfMs: number): number {
  const chance = -Math.expm1(-Math.max(0, elapsedMs) / mtbfMs);
  return Math.max(Math.log10(chance), QUARANTINE.oddsOfOneAtLeast);
}

/** Is the job to blame (QU2, QU3, QU4)? */
export function isToBlame({ count, workers, odds }: Strikes): boolean {
  if (count >= QUARANTINE.strikesAtMost) return true;
  const enough = workers >= 2 ? QUARANTINE.strikes : QUARANTINE.strikesAlone;
  return count >= enough && odds <= QUARANTINE.odds;
}
