/** One task at the door of this process: how many of it may be handed over, who has it under way, and who waits. */
import { isOverShare } from "../domain/admission.ts";
import { ConcurrencyLimit } from "../domain/concurrency-limit.ts";
import { WaitingRoom } from "../domain/waiting-room.ts";
import type { Invocation } from "./invocation.ts";

export class TaskGate {
  readonly limit: ConcurrencyLimit;
  readonly room = new WaitingRoom<Invocation>();
  /** Requests of each caller, under way and waiting. */
  readonly #callers = new Map<string, number>();
  /** Requests that were handed over and have not ended. */
  underWay = 0;
  /** When the last first attempt was answered; monotonic. */
  answeredAtMs = Number.NEGATIVE_INFINITY;
  #letting = false;

  constructor(nowMs: number) {
    this.limit = new ConcurrencyLimit(nowMs);
  }

  /** May no more be handed over? */
  get full(): boolean {
    return this.underWay >= this.limit.limit;
  }

  /** Nothing of it is here: its gate may be forgotten without harm but for what it has learnt. */
  get idle(): boolean {
    return this.#callers.size === 0;
  }

  came({ caller }: Invocation): void {
    this.#callers.set(caller, (this.#callers.get(caller) ?? 0) + 1);
  }

  left({ caller }: Invocation): void {
    const left = (this.#callers.get(caller) ?? 0) - 1;
    if (left > 0) this.#callers.set(caller, left);
    else this.#callers.delete(caller);
  }

  /** Hands `invocation` over. */
  letIn(invocation: Invocation, nowMs: number): void {
    this.underWay += 1;
    invocation.handedOver = true;
    this.limit.handedOver(this.underWay, nowMs);
  }

  /** Lets in who waits, as long as there is room; what `enter` does may end requests, and so come back here. */
  letWaiting(enter: (invocation: Invocation) => void): void {
    if (this.#letting) return;
    this.#letting = true;
    try {
      while (this.room.size > 0 && !this.full) {
        const next = this.room.next();
        if (next !== null) enter(next);
      }
    } finally {
      this.#letting = false;
    }
  }

  /** How many requests at a time are each caller's share at present; the caller who asks counts. */
  shareWith(caller: string): number {
    const callers = this.#callers.size + (this.#callers.has(caller) ? 0 : 1);
    return Math.max(1, Math.floor((this.underWay + this.room.size) / callers));
  }

  /** Does `caller` have more than its share, so that it is not the fleet that is too small? */
  overShare(caller: string): boolean {
    const own = this.#callers.get(caller) ?? 0;
    return isOverShare(own, this.underWay + this.room.size, this.#callers.size);
  }
}
