/**
 * A worker that could not reach its checkpoint store rests: what another worker can take now it leaves to that one. Else
 * a worker whose mount has hung would be handed job after job, and hold each for as long as it waits for the store.
 *
 * SR1 It rests longer each time, up to a bound: it finds out by a job whether its store is back.
 * SR2 The first attempt that has stored something ends that.
 */
const FIRST_MS = 30_000;
const LONGEST_MS = 120_000;

export class StoreRest {
  #nextMs = FIRST_MS;
  #untilMs = -Infinity;

  /** An attempt let go because the store did not answer (SR1). @param nowMs monotonic @returns how long it rests, ms */
  away(nowMs: number): number {
    const restMs = this.#nextMs;
    this.#untilMs = nowMs + restMs;
    this.#nextMs = Math.min(restMs * 2, LONGEST_MS);
    return restMs;
  }

  /** SR2 */
  stored(): void {
    this.#nextMs = FIRST_MS;
    this.#untilMs = -Infinity;
  }

  /** @param nowMs monotonic */
  rests(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }
}
