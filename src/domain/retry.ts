/** How long to wait before trying again. Pure: the caller brings the random number. */

export interface BackoffRule {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** ± fraction, 0.2 means 80% to 120%. */
  readonly jitter: number;
}

/** Between attempts of one online request (gRPC A6 as revised in 2024; Envoy's 25 ms and 250 ms). */
export const ONLINE_BACKOFF: BackoffRule = { initialMs: 25, factor: 2, maxMs: 250, jitter: 0.2 };

/**
 * The pause before retry number `retry` (1 is the first): `min(initial · factor^(retry-1), max)`, spread by ±jitter.
 * Source of the rule: gRPC proposal A6.
 *
 * @param random a number in [0, 1)
 * @returns milliseconds, not rounded
 */
export function backoffMs(rule: BackoffRule, retry: number, random: number): number {
  const base = Math.min(rule.initialMs * rule.factor ** (retry - 1), rule.maxMs);
  return base * (1 + rule.jitter * (2 * random - 1));
}
