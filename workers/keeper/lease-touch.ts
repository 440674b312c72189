/**
 * Keeps a task with effects on the outside world from computing on without a lease.
 *
 * LT1 An observer takes a lease away after 2.5 s of silence (`LOST_AFTER_MS`). Who could not confirm it for three
 *     renewals may soon be an older owner: the whole process group is frozen before another attempt can begin.
 * LT2 Confirmed again, it goes on where it was; told that the lease is another's, it is killed where it stands.
 *
 * The keeper does this, not the agent: an agent that hangs confirms nothing, and its runner is frozen all the same.
 * Where all of a machine hangs together, and comes back, a moment remains before this is noticed; for that there is
 * the fence, which the task hands along.
 */
const CONFIRMED_WITHIN_MS = 1_750;

/** Monotonic time in ms that all processes of a machine read alike. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface LeaseTouchOptions {
  /** When the request that granted the lease was sent, in `machineMs`. */
  readonly confirmedMs: number;
  readonly machineMs: () => number;
  /** Called again and again while it is frozen: the process may have come into being meanwhile. */
  readonly freeze: () => void;
  readonly thaw: () => void;
}

export class LeaseTouch {
  readonly #options: LeaseTouchOptions;
  #confirmedMs: number;
  #frozen = false;

  constructor(options: LeaseTouchOptions) {
    this.#options = options;
    this.#confirmedMs = options.confirmedMs;
  }

  /** The lease was confirmed by a request that was sent at `atMs` (not: answered; the answer may be old). */
  confirmed(atMs: number): void {
    this.#confirmedMs = Math.max(this.#confirmedMs, atMs);
    if (!this.#frozen || this.#isOverdue()) return;
    this.#frozen = false;
    this.#options.thaw(); // LT2
  }

  /** LT1; called often. */
  tick(): void {
    if (!this.#isOverdue()) return;
    this.#frozen = true;
    this.#options.freeze();
  }

  #isOverdue(): boolean {
    return this.#options.machineMs() - this.#confirmedMs > CONFIRMED_WITHIN_MS;
  }
}
