/** How long a program takes to start: to where it can be asked, else to its first line. */
import type { Clock } from "../../src/runtime/clock.ts";

export class StartMeter {
  readonly #clock: Clock;
  #sinceMs: number | null = null;
  #ms = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(): void {
    this.#sinceMs = this.#clock.monotonicMs();
  }

  get isStarting(): boolean {
    return this.#sinceMs !== null;
  }

  /** It has started. Repeating it changes nothing. */
  end(): void {
    if (this.#sinceMs === null) return;
    this.#ms = this.#clock.monotonicMs() - this.#sinceMs;
    this.#sinceMs = null;
  }

  /** As long as it took the last time, ms; 0: it never did. */
  get ms(): number {
    return this.#ms;
  }
}
