/**
 * Time as a program has it: how much of what has passed it could have used to write. What holds still while the program
 * cannot go on is no sign that it is complete.
 *
 * PT1 Time in which one of its processes is stopped (SIGSTOP, a debugger) does not count.
 * PT2 Time in which it wanted to run and got no processor does not count. Where its threads together ran as long as has
 *     passed, it was not short of processors, however many it would have used.
 * PT3 Of time in which nobody looked only what was to pass until the look counts: whoever held this process up (a machine
 *     that was paused, or short of processors) has held the program up too.
 * PT4 A program that sleeps, or waits for something, could have written: that counts.
 */
import type { ThreadLook } from "./threads.ts";

/** A look that comes so much later than it was to is late (PT3). */
const LATE_FACTOR = 2;

export class ProgramTime {
  #atMs: number | null = null;
  #threads = new Map<string, ThreadLook>();
  #usableMs = 0;
  #stoppedSinceMs: number | null = null;

  /**
   * Looks once.
   *
   * @param nowMs monotonic
   * @param dueMs how long after the last look this one was to come
   * @returns time that the program could have used, since the first look, ms
   */
  look(nowMs: number, dueMs: number, threads: readonly ThreadLook[]): number {
    const goneMs = nowMs - (this.#atMs ?? nowMs);
    const passedMs = goneMs > dueMs * LATE_FACTOR ? dueMs : goneMs; // PT3
    const wasStopped = this.#stoppedSinceMs !== null;
    const isStopped = threads.some(({ state }) => state === "T" || state === "t");
    this.#stoppedSinceMs = isStopped ? (this.#stoppedSinceMs ?? nowMs) : null;
    if (!wasStopped && !isStopped) this.#usableMs += Math.max(0, passedMs - this.#starvedMs(threads, goneMs)); // PT1
    this.#atMs = nowMs;
    this.#threads = new Map(threads.map((thread) => [thread.id, thread]));
    return this.#usableMs;
  }

  /** As at the last look, ms. */
  get usableMs(): number {
    return this.#usableMs;
  }

  /** For how long one of its processes has been stopped now; 0: none is. */
  stoppedMs(nowMs: number): number {
    return this.#stoppedSinceMs === null ? 0 : nowMs - this.#stoppedSinceMs;
  }

  /** PT2 */
  #starvedMs(threads: readonly ThreadLook[], goneMs: number): number {
    let ranMs = 0;
    let waitedMs = 0;
    for (const { id, state, ranMs: ranInAll, waitedMs: waitedInAll } of threads) {
      const before = this.#threads.get(id);
      const ran = ranInAll - (before?.ranMs ?? 0);
      ranMs += ran;
      // The wait of one that still waits is told when it is over.
      waitedMs = Math.max(waitedMs, state === "R" ? goneMs - ran : waitedInAll - (before?.waitedMs ?? 0));
    }
    return Math.max(0, Math.min(waitedMs, goneMs - ranMs));
  }
}
