/** How often something may be done: so many a second, and some at once after a quiet while. */
export interface BucketRule {
  readonly perSecond: number;
  readonly atOnce: number;
}

export class TokenBucket {
  readonly #rule: BucketRule;
  #left: number;
  #sinceMs: number | null = null;

  constructor(rule: BucketRule) {
    this.#rule = rule;
    this.#left = rule.atOnce;
  }

  /** Is there one? @param nowMs monotonic */
  has(nowMs: number): boolean {
    const { perSecond, atOnce } = this.#rule;
    const passedMs = Math.max(0, nowMs - (this.#sinceMs ?? nowMs));
    this.#left = Math.min(atOnce, this.#left + (passedMs / 1_000) * perSecond);
    this.#sinceMs = nowMs;
    return this.#left >= 1;
  }

  /** Takes one. @returns whether there was one */
  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false;
    this.#left -= 1;
    return true;
  }
}
