/**
 * What an attempt does with its time, as its keeper sees it (`domain/goodput.ts`).
 *
 * TA1 What the program has computed counts as kept when the checkpoint behind it is committed, not before.
 * TA2 From a verdict on, or a save that it does not go on from, nothing is computed any more: what still passes is
 *     storing.
 * TA3 It begins with the lease and not with the keeper, whose start is a part of the time until the first step.
 */
import type { AttemptAccount } from "../../src/domain/goodput.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { machineMs } from "./lease-touch.ts";
import type { Assignment } from "./protocol.ts";

export class TimeAccount {
  readonly #clock: Clock;
  readonly #beganMs: number;
  #readyMs: number | null = null;
  #stoodMs = 0;
  #keptMs = 0;
  #stillSinceMs: number | null = null;

  /** @param leasedMs how long ago the lease was asked for (TA3) */
  constructor(clock: Clock, leasedMs = 0) {
    this.#clock = clock;
    this.#beganMs = clock.monotonicMs() - leasedMs;
  }

  /** The first step comes next. */
  ready(): void {
    this.#readyMs ??= this.#clock.monotonicMs();
  }

  /** The program stood still for a checkpoint. */
  stood(ms: number): void {
    this.#stoodMs += ms;
  }

  /** Nothing is computed from here on (TA2). */
  still(): void {
    this.#stillSinceMs ??= this.#clock.monotonicMs();
  }

  /** A checkpoint was committed before which the program had computed for `ms` (TA1). */
  kept(ms: number): void {
    this.#keptMs = ms;
  }

  /** How long the program has computed so far. */
  computedMs(): number {
    if (this.#readyMs === null) return 0;
    return Math.max(0, (this.#stillSinceMs ?? this.#clock.monotonicMs()) - this.#readyMs - this.#stoodMs);
  }

  /** @param keptMs what a commit that is asked for would keep; default: what is kept now */
  report(keptMs = this.#keptMs): AttemptAccount {
    const now = this.#clock.monotonicMs();
    const stillMs = this.#stillSinceMs === null || this.#readyMs === null ? 0 : now - this.#stillSinceMs;
    return {
      restoreMs: this.#readyMs === null ? null : Math.round(this.#readyMs - this.#beganMs),
      checkpointMs: Math.round(this.#stoodMs + stillMs),
      keptMs: Math.round(keptMs),
    };
  }
}

/** The account of an attempt that begins now. */
export function timeAccountOf({ confirmedMs }: Assignment, clock: Clock): TimeAccount {
  return new TimeAccount(clock, Math.max(0, machineMs() - confirmedMs)); // TA3
}
