/**
 * The replica's side of being parked for a task: whose order stands, and how it begins again.
 *
 * K1 Each API process orders for itself, for a short time, and repeats its order: one that has died lets go by that.
 * K2 It is parked while any of their orders stands: two that judge differently do not make it come and go.
 * K3 When the last order has run out it begins slowly: one attempt at the same time, twice as many each half second.
 */

const DOUBLE_EVERY_MS = 500;

export class Parking {
  readonly #orders = new Map<string, number>();
  /** When the last order ran out; null: it never was parked. */
  #freeSinceMs: number | null = null;

  /**
   * @param by the API process
   * @param forMs how long its order stands; 0 takes it back
   * @param nowMs monotonic
   */
  order(by: string, forMs: number, nowMs: number): void {
    this.#settle(nowMs);
    if (forMs > 0) this.#orders.set(by, nowMs + forMs);
    else if (this.#orders.delete(by) && this.#orders.size === 0) this.#freeSinceMs = nowMs;
  }

  isParked(nowMs: number): boolean {
    this.#settle(nowMs);
    return this.#orders.size > 0;
  }

  /** How many attempts of the task may be here at the same time (K3). @param most when it was not parked */
  limit(most: number, nowMs: number): number {
    if (this.#freeSinceMs === null || this.isParked(nowMs)) return most;
    const limit = 2 ** Math.floor((nowMs - this.#freeSinceMs) / DOUBLE_EVERY_MS);
    if (limit >= most) this.#freeSinceMs = null;
    return Math.min(limit, most);
  }

  /** K1 */
  #settle(nowMs: number): void {
    if (this.#orders.size === 0) return;
    let lastMs = 0;
    for (const [by, untilMs] of this.#orders) {
      lastMs = Math.max(lastMs, untilMs);
      if (untilMs <= nowMs) this.#orders.delete(by);
    }
    if (this.#orders.size === 0) this.#freeSinceMs = lastMs;
  }
}
