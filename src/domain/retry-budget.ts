/**
 * How much may be tried again: a share of the requests plus a floor, over a sliding window.
 *
 * A cap per request alone multiplies the load by that cap just when everything fails; a budget bounds the extra load
 * of all requests together (Finagle RetryBudget, Envoy retry_budget, SRE ch. 21: 10% keeps the growth at 1.1 ×).
 *
 * B1 At each withdrawal: withdrawals of the window ≤ ratio × deposits of the window + perSecond × window.
 * B2 What is older than the window is forgotten, both ways, a tenth of the window at a time.
 */
export interface BudgetRule {
  /** Share of the requests that may be repeated, 0.1 is 10%. */
  readonly ratio: number;
  /** Allowed besides, per second, so that a quiet service can retry at all. */
  readonly perSecond: number;
  readonly windowMs: number;
}

/** Retries and hedges of one online task together. */
export const ONLINE_RETRY_BUDGET: BudgetRule = { ratio: 0.1, perSecond: 3, windowMs: 10_000 };
/** Hedges of one online task, within the budget above: at most 5% more executions. */
export const HEDGE_BUDGET: BudgetRule = { ratio: 0.05, perSecond: 0.5, windowMs: 10_000 };

const SLICES = 10;

export class RetryBudget {
  readonly #rule: BudgetRule;
  readonly #sliceMs: number;
  readonly #deposits = new Float64Array(SLICES);
  readonly #withdrawals = new Float64Array(SLICES);
  #deposited = 0;
  #withdrawn = 0;
  #slice = -1;

  constructor(rule: BudgetRule) {
    this.#rule = rule;
    this.#sliceMs = rule.windowMs / SLICES;
  }

  /** A request came. @param nowMs monotonic */
  deposit(nowMs: number): void {
    const at = this.#turnTo(nowMs);
    this.#deposits[at] = (this.#deposits[at] ?? 0) + 1;
    this.#deposited += 1;
  }

  /** Would `withdraw` succeed? */
  allows(nowMs: number): boolean {
    this.#turnTo(nowMs);
    const { ratio, perSecond, windowMs } = this.#rule;
    return this.#withdrawn + 1 <= ratio * this.#deposited + (perSecond * windowMs) / 1_000; // B1
  }

  /** Takes one repetition out of the budget. @returns whether there was one */
  withdraw(nowMs: number): boolean {
    if (!this.allows(nowMs)) return false;
    const at = this.#turnTo(nowMs);
    this.#withdrawals[at] = (this.#withdrawals[at] ?? 0) + 1;
    this.#withdrawn += 1;
    return true;
  }

  /** B2: empties the slices that time has passed over. @returns the place of the present one */
  #turnTo(nowMs: number): number {
    const slice = Math.max(Math.floor(nowMs / this.#sliceMs), this.#slice);
    if (this.#slice < 0) this.#slice = slice;
    const passed = Math.min(slice - this.#slice, SLICES);
    for (let step = 1; step <= passed; step++) {
      const at = (slice - passed + step) % SLICES;
      this.#deposited -= this.#deposits[at] ?? 0;
      this.#withdrawn -= this.#withdrawals[at] ?? 0;
      this.#deposits[at] = 0;
      this.#withdrawals[at] = 0;
    }
    this.#slice = slice;
    return slice % SLICES;
  }
}
