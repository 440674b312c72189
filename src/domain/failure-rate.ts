/**
 * How often a worker is lost without notice, from losses counted over the time that workers lived.
 *
 * FR1 Only losses without notice count. Who leaves with notice (drain, a spot notice in time) makes a checkpoint and
 *     loses no work, so this is the M_u = M / (1 − p) that the interval wants, without having to know p.
 * FR2 Two memories: a day for what is usual here, a quarter of an hour for what goes on now. Failures come in bursts
 *     (Schroeder & Gibson 2006: Weibull with a falling hazard), and a fleet that was quiet for a month must not need
 *     another to notice.
 * FR3 No rate is believed from nothing: the prior is half a loss (Jeffreys') in five minutes of worker time. A fleet that
 *    nobody knows is not believed to be sound: when it is, that costs up to four thousandths of its first hour; when
 *    it is not, the first losses cost what they have to. In simulations with C = 0.2 s it comes within 0.01 of the
 *    goodput of those who know the rate, at every rate from a minute to a day, where a prior of an hour loses 0.02.
 * FR4 Zones differ (machines that may be taken back beside machines that are one's own), and a job runs in one of them at
 *    a time. Each has a rate of its own, with that of the fleet as its prior, worth one loss: a zone that nobody knows
 *    yet is like the others, and a zone with a history goes by that.
 */

/** Losses, and the time of workers they happened in, each fading with its own memory. */
export interface LossCounts {
  readonly longLosses: number;
  readonly longMs: number;
  readonly recentLosses: number;
  readonly recentMs: number;
}

/** Time constants of the two memories, ms (FR2). */
export const LOSS_MEMORY = { longMs: 86_400_000, recentMs: 900_000 } as const;

/** FR3 */
const PRIOR = { losses: 0.5, mtbfMs: 600_000 } as const;

/** FR4 */
const ZONE_PRIOR_LOSSES = 1;

export const NO_LOSSES: LossCounts = { longLosses: 0, longMs: 0, recentLosses: 0, recentMs: 0 };

/**
 * Mean time between losses of one worker: the mean of the gamma posterior of each memory. What is usual is the prior
 * of what goes on now, worth one loss.
 * @returns ms, positive
 */
export function meanTimeToLossMs(counts: LossCounts): number {
  return posteriorMs(counts, PRIOR);
}

/**
 * The same, of a worker in one zone (FR4).
 * @param fleet counts of all zones together, this one included
 * @returns ms, positive
 */
export function meanTimeToLossInZoneMs(zone: LossCounts, fleet: LossCounts): number {
  return posteriorMs(zone, { losses: ZONE_PRIOR_LOSSES, mtbfMs: meanTimeToLossMs(fleet) });
}

function posteriorMs(counts: LossCounts, prior: { readonly losses: number; readonly mtbfMs: number }): number {
  const usualMs = (prior.losses * prior.mtbfMs + counts.longMs) / (prior.losses + counts.longLosses);
  return (usualMs + counts.recentMs) / (1 + counts.recentLosses);
}
