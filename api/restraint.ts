/**
 * Holds refusals back for a while, where that is called for (`src/domain/impatience.ts`).
 *
 * K1 What is held costs nothing meanwhile: one timer for all, since all are held equally long.
 * K2 What is held is bounded; beyond that, and when its caller grants little time, a refusal goes at once.
 */
import type { Socket } from "node:net";
import { HOLD_MS, Impatience } from "../src/domain/impatience.ts";
import type { Clock } from "../src/runtime/clock.ts";

/** K2 */
const MOST_HELD = 20_000;
const TURN_MS = 50;

interface Held {
  readonly untilMs: number;
  readonly release: () => void;
}

export class Restraint {
  readonly #clock: Clock;
  readonly #impatience = new Impatience<Socket>();
  #held: Held[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A refusal is about to be told.
   * @param retryAfterMs what it says
   * @param grantedMs how long its caller waits
   * @returns null: it may go at once; else resolves when it may
   */
  hold(socket: Socket, retryAfterMs: number, grantedMs: number): Promise<void> | null {
    const now = this.#clock.monotonicMs();
    const heldMs = this.#impatience.refused(socket, retryAfterMs, now);
    if (heldMs === 0 || this.#held.length >= MOST_HELD || grantedMs < 2 * HOLD_MS) return null; // K2
    // A process that goes away does not wait for it: each is held for a second at most.
    this.#timer ??= setInterval(() => this.#turn(), TURN_MS).unref();
    return new Promise((release) => this.#held.push({ untilMs: now + heldMs, release }));
  }

  /** K1 */
  #turn(): void {
    const now = this.#clock.monotonicMs();
    const first = this.#held.findIndex(({ untilMs }) => untilMs > now);
    const due = first < 0 ? this.#held.splice(0) : this.#held.splice(0, first);
    for (const { release } of due) release();
    if (this.#held.length > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
