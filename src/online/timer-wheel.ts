/**
 * One timer for all deadlines of a process.
 *
 * A request mostly ends long before its timer is due, so setting and cancelling have to cost next to nothing: a list
 * entry is linked and unlinked, nothing is searched, and Node has one timer at most.
 *
 * W1 A timer fires at or after its time, at most two ticks late while the event loop turns; never early.
 * W2 When the process was held up (a blocked loop, SIGSTOP), what has arrived meanwhile is read first: a timeout
 *    then never outruns the answer that lies in the socket.
 * W3 Without timers nothing ticks.
 */
export const TICK_MS = 5;
const SLOTS = 2_048;
/** A tick that is so late means that the process was held up. */
const HELD_UP_MS = 50;

/** Something to be woken. Belongs to one wheel at a time; its links are the wheel's. */
export abstract class WheelTimer {
  previous: WheelTimer | null = null;
  next: WheelTimer | null = null;
  slot = -1;
  dueTick = 0;
  /** Grows when the timer is set or cancelled, so that one that is due already can still be called off. */
  epoch = 0;
  abstract fire(): void;
}

export interface WheelOptions {
  readonly monotonicMs: () => number;
  /** Calls `tick` after `ms`; returns how to cancel it. */
  readonly schedule?: (tick: () => void, ms: number) => () => void;
  /** Calls `work` when what has arrived was read (W2). */
  readonly afterReading?: (work: () => void) => void;
}

export class TimerWheel {
  readonly #options: Required<WheelOptions>;
  readonly #slots: (WheelTimer | null)[] = Array.from({ length: SLOTS }, () => null);
  #tick: number;
  #count = 0;
  #cancel: (() => void) | null = null;
  #expectedMs = 0;

  constructor(options: WheelOptions) {
    this.#options = { schedule: scheduleTimeout, afterReading: (work) => void setImmediate(work), ...options };
    this.#tick = this.#tickOf(options.monotonicMs());
  }

  /** How many timers are set. */
  get size(): number {
    return this.#count;
  }

  /** Sets `timer`, or sets it anew. @param dueMs on the monotonic clock */
  set(timer: WheelTimer, dueMs: number): void {
    if (timer.slot >= 0) this.cancel(timer);
    if (this.#count === 0) this.#tick = this.#tickOf(this.#options.monotonicMs());
    timer.epoch += 1;
    timer.dueTick = Math.max(Math.ceil(dueMs / TICK_MS), this.#tick + 1); // W1
    const slot = timer.dueTick % SLOTS;
    const head = this.#slots[slot] ?? null;
    timer.slot = slot;
    timer.previous = null;
    timer.next = head;
    if (head !== null) head.previous = timer;
    this.#slots[slot] = timer;
    this.#count += 1;
    if (this.#cancel === null) this.#arm();
  }

  cancel(timer: WheelTimer): void {
    timer.epoch += 1;
    if (timer.slot >= 0) this.#unlink(timer);
  }

  #unlink(timer: WheelTimer): void {
    if (timer.previous === null) this.#slots[timer.slot] = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next !== null) timer.next.previous = timer.previous;
    timer.previous = null;
    timer.next = null;
    timer.slot = -1;
    this.#count -= 1;
  }

  /** Fires nothing any more until the next `set`. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #arm(): void {
    this.#expectedMs = this.#options.monotonicMs() + TICK_MS;
    this.#cancel = this.#options.schedule(() => this.#onTick(), TICK_MS);
  }

  #onTick(): void {
    this.#cancel = null;
    if (this.#options.monotonicMs() - this.#expectedMs > HELD_UP_MS) {
      this.#cancel = () => undefined;
      this.#options.afterReading(() => this.#advance()); // W2
    } else this.#advance();
  }

  #advance(): void {
    this.#cancel = null;
    const target = this.#tickOf(this.#options.monotonicMs());
    const passed = Math.min(target - this.#tick, SLOTS);
    const from = target - passed;
    this.#tick = target;
    const due: { readonly timer: WheelTimer; readonly epoch: number }[] = [];
    for (let tick = from + 1; tick <= target; tick++) {
      let timer = this.#slots[tick % SLOTS] ?? null;
      while (timer !== null) {
        const next: WheelTimer | null = timer.next;
        if (timer.dueTick <= target) {
          this.#unlink(timer);
          due.push({ timer, epoch: timer.epoch });
        }
        timer = next;
      }
    }
    for (const { timer, epoch } of due) if (timer.epoch === epoch) timer.fire();
    if (this.#count > 0 && this.#isIdle()) this.#arm(); // W3
  }

  #isIdle(): boolean {
    return this.#cancel === null;
  }

  #tickOf(ms: number): number {
    return Math.floor(ms / TICK_MS);
  }
}

function scheduleTimeout(tick: () => void, ms: number): () => void {
  const timer = setTimeout(tick, ms);
  return () => clearTimeout(timer);
}
