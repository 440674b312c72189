/**
 * Tells callers which replica has their attempt, as soon as it is clear that the answer will not be there at once.
 *
 * A fast handler pays nothing: one timer for all looks after about 10 ms at what has come since.
 *
 * K1 Every attempt that is still here 10 to 20 ms after it came is announced, once, whether it runs or waits for a slot.
 */
import type { AttemptRun } from "./attempt-run.ts";

const QUIET_MS = 10;

export class TakenNotices {
  readonly #announce: (run: AttemptRun) => void;
  readonly #nowMs: () => number;
  #fresh: AttemptRun[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(options: { readonly announce: (run: AttemptRun) => void; readonly nowMs: () => number }) {
    this.#announce = options.announce;
    this.#nowMs = options.nowMs;
  }

  arrived(run: AttemptRun): void {
    this.#fresh.push(run);
    this.#timer ??= setTimeout(() => this.#look(), QUIET_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    this.#timer = null;
    const now = this.#nowMs();
    const stillFresh: AttemptRun[] = [];
    for (const run of this.#fresh) {
      if (run.ended) continue;
      if (now - run.poppedAtMs < QUIET_MS) stillFresh.push(run);
      else {
        run.announced = true;
        this.#announce(run);
      }
    }
    this.#fresh = stillFresh;
    if (stillFresh.length > 0) this.#timer = setTimeout(() => this.#look(), QUIET_MS); // K1
  }
}
