/** Waits until a job is as a caller wants it: `Prefer: wait`, and `?wait` of the control verbs. */
import type { JobReader } from "../src/batch/batch.ts";
import type { Job } from "../src/contract/job.ts";
import type { EventTail } from "../src/redis/event-tail.ts";
import type { Clock } from "../src/runtime/clock.ts";
import { Bell } from "./bell.ts";
import type { Drain } from "./drain.ts";

/** It is looked at this often even if nobody calls, ms: a call may be lost, a wait must not be. */
const LOOK_MS = 2_000;

export class JobWaiter {
  readonly #reader: JobReader;
  readonly #tail: EventTail;
  readonly #clock: Clock;
  readonly #drain: Drain;
  #waiting = 0;

  constructor(options: {
    readonly reader: JobReader;
    readonly tail: EventTail;
    readonly clock: Clock;
    readonly drain: Drain;
  }) {
    this.#reader = options.reader;
    this.#tail = options.tail;
    this.#clock = options.clock;
    this.#drain = options.drain;
  }

  /** Waits under way, for metrics. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Waits until `until` holds, `waitMs` are over, the caller is gone, or this process is to go.
   *
   * @param job as it is known; looked at anew before the first wait
   * @returns the job as last seen
   */
  async wait(job: Job, waitMs: number, gone: AbortSignal, until: (job: Job) => boolean): Promise<Job> {
    const deadline = this.#clock.monotonicMs() + waitMs;
    const signals = [gone, this.#drain.signal];
    const bell = new Bell();
    const unwatch = this.#tail.watch(job.id, bell.ring);
    this.#waiting += 1;
    let last = job;
    try {
      for (;;) {
        const seen = await this.#look(last);
        if (seen === null) return last; // Deleted meanwhile.
        last = seen;
        const leftMs = deadline - this.#clock.monotonicMs();
        if (until(last) || leftMs <= 0 || signals.some((signal) => signal.aborted)) return last;
        await bell.wait(Math.min(leftMs, LOOK_MS), signals);
      }
    } finally {
      this.#waiting -= 1;
      unwatch();
    }
  }

  /** Redis being away for a moment must not end a wait whose job is accepted: the caller is told what was last seen. */
  async #look(last: Job): Promise<Job | null> {
    try {
      return await this.#reader.get(last.id);
    } catch {
      return last;
    }
  }
}
