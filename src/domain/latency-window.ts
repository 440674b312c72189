/** The latest latencies of one thing, and their quantiles: a ring, so that old times do not linger. */
export class LatencyWindow {
  readonly #ring: Float64Array;
  #count = 0;

  /** @param size how many of the latest are kept */
  constructor(size: number) {
    this.#ring = new Float64Array(size);
  }

  /** How many are kept at present. */
  get size(): number {
    return Math.min(this.#count, this.#ring.length);
  }

  record(ms: number): void {
    this.#ring[this.#count % this.#ring.length] = ms;
    this.#count += 1;
  }

  /**
   * The smallest kept value that at least the share `q` of all does not exceed (nearest rank).
   *
   * @param unfinished ages of what has not ended yet: each will take at least so long, so each counts as if it ended now
   * @returns null when there is nothing
   */
  quantile(q: number, unfinished: readonly number[] = []): number | null {
    const size = this.size;
    const values = new Float64Array(size + unfinished.length);
    values.set(this.#ring.subarray(0, size));
    values.set(unfinished, size);
    if (values.length === 0) return null;
    values.sort();
    const rank = Math.min(values.length - 1, Math.max(0, Math.ceil(q * values.length) - 1));
    return values[rank] ?? null;
  }
}
