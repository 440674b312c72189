/**
 * When a checkpoint is wanted: as its interval says, or because somebody asked.
 *
 * CD1 The interval counts from the end of the last checkpoint: computing gets its share even if one takes long.
 */
import { checkpointIntervalMs, type IntervalBounds } from "../../src/domain/checkpoint-interval.ts";
import type { Clock } from "../../src/runtime/clock.ts";

export interface CheckpointCadenceOptions {
  readonly clock: Clock;
  readonly intervalMs: "auto" | number;
  readonly bounds: IntervalBounds;
}

export class CheckpointCadence {
  readonly #options: CheckpointCadenceOptions;
  #dueMs = Infinity;
  #wanted = false;
  #wake: (() => void) | null = null;

  constructor(options: CheckpointCadenceOptions) {
    this.#options = options;
  }

  /** The interval begins (CD1). @param costMs how long the last checkpoint held the program up; null: none yet */
  begin(costMs: number | null): void {
    const { clock, intervalMs, bounds } = this.#options;
    this.#dueMs = clock.monotonicMs() + (intervalMs === "auto" ? checkpointIntervalMs(costMs, bounds) : intervalMs);
  }

  /** One is wanted now. */
  ask(): void {
    this.#wanted = true;
    this.#wake?.();
  }

  /** Called often: looks whether one is due. */
  tick(): void {
    if (this.#options.clock.monotonicMs() < this.#dueMs) return;
    this.#dueMs = Infinity;
    this.ask();
  }

  /** Resolves when one is wanted, which is then as good as taken, or `signal` aborts. */
  async wanted(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake?.();
    signal.addEventListener("abort", wake, { once: true });
    while (!this.#wanted && !signal.aborted) await new Promise<void>((resolve) => (this.#wake = resolve));
    signal.removeEventListener("abort", wake);
    this.#wanted = false;
  }
}
