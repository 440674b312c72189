/**
 * When a checkpoint is wanted: as its interval says, before the time of the attempt is over, or because somebody asked.
 *
 * CD1 The interval counts from the end of the last checkpoint: computing gets its share even if one takes long.
 * CD2 What a checkpoint costs and how often workers are lost may change: the interval under way follows.
 * CD3 Shortly before the attempt has to end (its time limit, the job's deadline) one is taken early, once.
 */
import {
  averageCost,
  chooseInterval,
  type CheckpointCost,
  type CheckpointInterval,
  type IntervalBounds,
} from "../../src/domain/checkpoint-interval.ts";
import { meanTimeToLossMs, NO_LOSSES } from "../../src/domain/failure-rate.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Assignment } from "./protocol.ts";

/** Beside twice what a checkpoint takes: that long before the end it is begun (CD3). */
const BEFORE_END_MS = 1_000;
/** A checkpoint that failed is tried again after the shortest interval, then twice that, and so on up to this. */
const AGAIN_MS = 60_000;

export interface CheckpointCadenceOptions {
  readonly clock: Clock;
  readonly wanted: "auto" | number;
  readonly bounds: IntervalBounds;
  /** As an earlier attempt measured it. */
  readonly cost: CheckpointCost | null;
  readonly mtbfMs: number;
  /** When the attempt has to be over, on `clock`; Infinity: no limit. */
  readonly endsAtMs: number;
  readonly onChosen: (interval: CheckpointInterval, cost: CheckpointCost | null) => void;
}

export class CheckpointCadence {
  readonly #options: CheckpointCadenceOptions;
  #cost: CheckpointCost | null;
  #mtbfMs: number;
  /** When the interval under way began; null: none is. */
  #beganMs: number | null = null;
  #failures = 0;
  #dueMs = Infinity;
  #wanted = false;
  #wake: (() => void) | null = null;

  constructor(options: CheckpointCadenceOptions) {
    this.#options = options;
    this.#cost = options.cost;
    this.#mtbfMs = options.mtbfMs;
  }

  /** The first interval of the attempt begins. */
  begin(): void {
    this.#beganMs = this.#options.clock.monotonicMs();
    this.#plan();
  }

  /** A checkpoint was taken (CD1). */
  taken(cost: CheckpointCost): void {
    this.#cost = averageCost(this.#cost, cost);
    this.#failures = 0;
    this.begin();
  }

  /** A checkpoint failed; what it cost is not known. */
  failed(): void {
    this.#failures += 1;
    this.begin();
  }

  /** Workers are lost that often now (CD2). */
  lossesEvery(mtbfMs: number): void {
    this.#mtbfMs = mtbfMs;
    this.#plan();
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
    this.#beganMs = null;
    this.#dueMs = Infinity;
  }

  #plan(): void {
    if (this.#beganMs === null) return;
    const { wanted, bounds, endsAtMs, onChosen } = this.#options;
    const chosen = chooseInterval(wanted, this.#cost, this.#mtbfMs, bounds);
    const again = Math.min(bounds.minMs * 2 ** (this.#failures - 1), AGAIN_MS);
    const interval: CheckpointInterval =
      this.#failures > 0 && again < chosen.ms ? { ...chosen, ms: again, why: "again" } : chosen;
    const early = endsAtMs - BEFORE_END_MS - 2 * (this.#cost?.totalMs ?? 0);
    const due = this.#beganMs + interval.ms;
    this.#dueMs = this.#beganMs < early ? Math.min(due, early) : due; // CD3
    onChosen(interval, this.#cost);
  }
}

/** The cadence of an attempt that begins now. */
export function cadenceFor(
  assignment: Assignment,
  clock: Clock,
  onChosen: CheckpointCadenceOptions["onChosen"],
): CheckpointCadence {
  const { intervalMs: wanted, minIntervalMs: minMs, maxIntervalMs: maxMs, timeoutMs, deadlineInMs } = assignment;
  return new CheckpointCadence({
    clock,
    wanted,
    bounds: { minMs, maxMs },
    cost: assignment.checkpointCost,
    mtbfMs: assignment.mtbfMs ?? meanTimeToLossMs(NO_LOSSES),
    endsAtMs: clock.monotonicMs() + Math.min(timeoutMs ?? Infinity, deadlineInMs ?? Infinity),
    onChosen,
  });
}
