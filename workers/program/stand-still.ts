/**
 * Notices a program that somebody has stopped (SIGSTOP): nothing of it runs, and it will not go on by itself.
 *
 * ST1 Only when all of its processes are stopped, and for longer than a moment: a program may stop parts of itself.
 */
import type { Clock } from "../../src/runtime/clock.ts";
import type { Member } from "./process-tree.ts";

const STOPPED_MS = 1_500;

export class StandStill {
  readonly #clock: Clock;
  #sinceMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Looks once (ST1). */
  isLost(members: readonly Member[]): boolean {
    const now = this.#clock.monotonicMs();
    const stopped = members.length > 0 && members.every(({ state }) => state === "T" || state === "t");
    this.#sinceMs = stopped ? (this.#sinceMs ?? now) : null;
    return this.#sinceMs !== null && now - this.#sinceMs >= STOPPED_MS;
  }
}
