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

export const NO_LOSSES: LossCounts = { longLosses: 0, longMs: 0, recentLosses: 0, recentMs: 0 };

/**
 * Mean time between losses of one worker: the mean of the gamma posterior of each memory. What is usual is the prior
 * of what goes on now, worth one loss.
 * @returns ms, positive
 */
export function meanTimeToLossMs(counts: LossCounts): number {
  const usualMs = (PRIOR.losses * PRIOR.mtbfMs + counts.longMs) / (PRIOR.losses + counts.longLosses);
  return (usualMs + counts.recentMs) / (1 + counts.recentLosses);
}
