/**
 * May a request wait for a place, or is it refused at the door? Refusing at once what will not be answered in time costs
 * a millisecond; letting it wait costs its caller the whole deadline, and the fleet the work of starting it too late.
 *
 * A1 The expected wait is what is served before it, by the rate at which answers come (Little).
 * A2 It must leave the run time before the deadline.
 * A3 It must not be longer than a fifth of the deadline, or two seconds, or twice the usual time, if that is more: a
 *    queue is there to even out arrivals and short bursts. A longer one, in steady overload, answers nobody more, and
 *    everybody later; and when the load falls it has to be worked off before anybody is served quickly again.
 */
const SHARE_OF_DEADLINE = 0.2;
const LONGEST_WAIT_MS = 2_000;
const USUAL_TIMES = 2;
const LEAST_RETRY_MS = 1_000;
const MOST_RETRY_MS = 30_000;

export interface Prospect {
  /** How many are served before it. */
  readonly ahead: number;
  /** Answers a ms; null while nothing is known. */
  readonly rate: number | null;
  /** Mean time in the handler, and in front of it; null while nothing is known. */
  readonly runMs: number | null;
  readonly queueMs: number;
  /** The whole, and what is left of it. */
  readonly deadlineMs: number;
  readonly remainingMs: number;
  /** Does nobody wait on the line, so that A3 is nothing to it? */
  readonly urgency: "on the line" | "in turn";
}

export type Verdict =
  | { readonly kind: "wait" }
  /** @property expectedMs the wait it would have had; `retryAfterMs`: when to try again at the earliest */
  | { readonly kind: "refuse"; readonly expectedMs: number; readonly retryAfterMs: number };

export function judgeProspect(prospect: Prospect): Verdict {
  const { ahead, rate, runMs, queueMs, remainingMs } = prospect;
  if (rate === null || runMs === null) return { kind: "wait" }; // The first ones have to find out.
  const expectedMs = (ahead + 1) / rate; // A1
  const latestMs = remainingMs - runMs - queueMs; // A2
  const excessMs = expectedMs - Math.min(longestMs(prospect, runMs), latestMs);
  if (excessMs <= 0) return { kind: "wait" };
  return { kind: "refuse", expectedMs, retryAfterMs: Math.min(Math.max(excessMs, LEAST_RETRY_MS), MOST_RETRY_MS) };
}

/** A3 */
function longestMs({ urgency, deadlineMs, queueMs }: Prospect, runMs: number): number {
  if (urgency === "in turn") return Number.POSITIVE_INFINITY;
  return Math.max(Math.min(SHARE_OF_DEADLINE * deadlineMs, LONGEST_WAIT_MS), USUAL_TIMES * (runMs + queueMs));
}

/** Is it too late to start, because not even the usual run time is left? @param runMs null while nothing is known */
export function startsTooLate(remainingMs: number, runMs: number | null): boolean {
  return remainingMs <= (runMs ?? 0);
}

/**
 * Does a caller that is refused ask for more than its share, rather than the fleet have too little for anybody?
 *
 * @param own requests it has under way and waiting
 * @param all of all callers
 * @param callers that have any, it included
 */
export function isOverShare(own: number, all: number, callers: number): boolean {
  return callers > 1 && own > all / callers;
}
