/** How far an attempt is and how fast it goes, from what its keeper reports. */
import type { ProgressReport } from "../../src/batch/batch.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Progress } from "../keeper/protocol.ts";

/** The rate is averaged over about this time. */
const WINDOW_MS = 5_000;

export class ProgressMeter {
  readonly #clock: Clock;
  #latest: Progress | null = null;
  #mark: { readonly atMs: number; readonly completed: number } | null = null;
  #ratePerSecond: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(progress: Progress): void {
    const atMs = this.#clock.monotonicMs();
    if (this.#mark === null) {
      this.#mark = { atMs, completed: progress.completed };
    } else if (atMs - this.#mark.atMs >= 500) {
      const passedMs = atMs - this.#mark.atMs;
      const rate = ((progress.completed - this.#mark.completed) / passedMs) * 1_000;
      const weight = 1 - Math.exp(-passedMs / WINDOW_MS);
      this.#ratePerSecond =
        this.#ratePerSecond === null ? rate : this.#ratePerSecond + weight * (rate - this.#ratePerSecond);
      this.#mark = { atMs, completed: progress.completed };
    }
    this.#latest = progress;
  }

  /** null before the task has said anything. */
  report(): ProgressReport | null {
    return this.#latest === null ? null : { ...this.#latest, ratePerSecond: this.#ratePerSecond };
  }
}
