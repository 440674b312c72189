/**
 * Whose refusal is held back: callers that come again at once, although they were told when, while refusing them is the
 * most that a process does. A refusal costs it as much as an answer, and whoever asks in a closed loop gets thousands of
 * them in a second: what is refused at once, again and again, takes the time of those that could be answered. Pure:
 * time comes with the calls.
 *
 * H1 Only on a connection whose last refusal named a time that has not come yet.
 * H2 Only while thousands of refusals a second go to hundreds of connections: fewer cost little (a thousand about 6% of
 *    a core), and a proxy that brings many callers over some dozens needs each of them.
 * H3 For a second: then as many refusals a second are left as there are connections. What is held counts for several
 *    refusals, since without that there would be so many: else every other second would be as bad as before.
 */
const SECOND_MS = 1_000;
/** H2 */
const MANY_REFUSALS = 3_000;
const MANY_CONNECTIONS = 250;
/** H3 */
export const HOLD_MS = SECOND_MS;
const HELD_COUNTS_FOR = 4;

/** Refusals of one second. */
class Second<Connection> {
  refusals = 0;
  /** When each was told to come again. */
  readonly until = new Map<Connection, number>();

  get crowded(): boolean {
    return this.refusals >= MANY_REFUSALS && this.until.size >= MANY_CONNECTIONS;
  }
}

export class Impatience<Connection extends object> {
  #present = new Second<Connection>();
  #past = new Second<Connection>();
  #sinceMs = Number.NEGATIVE_INFINITY;

  /**
   * A refusal is about to be told.
   * @param retryAfterMs what it says
   * @param nowMs monotonic
   * @returns how long it is to be held back, ms
   */
  refused(connection: Connection, retryAfterMs: number, nowMs: number): number {
    const passed = nowMs - this.#sinceMs;
    if (passed >= SECOND_MS) {
      this.#past = passed < 2 * SECOND_MS ? this.#present : new Second();
      this.#present = new Second();
      this.#sinceMs = nowMs;
    }
    const present = this.#present;
    const until = present.until.get(connection) ?? this.#past.until.get(connection) ?? 0;
    const early = until > nowMs; // H1
    const heldMs = early && this.#past.crowded ? HOLD_MS : 0;
    present.refusals += heldMs > 0 ? HELD_COUNTS_FOR : 1; // H3
    present.until.set(connection, nowMs + heldMs + retryAfterMs);
    return heldMs;
  }
}
