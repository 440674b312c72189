/**
 * The stored events of a job, and how to follow them.
 *
 * F1 They are read from the job's own log, by number: a reader that was cut off goes on where it was, at any process.
 * F2 A wake is only a reason to look again; between wakes it is looked every few seconds all the same.
 * F3 It ends when the job is final and every event was read, or when the job is no more.
 */
import type { JobEventLog } from "../src/batch/batch.ts";
import { isFinalState, type JobEventView } from "../src/contract/job.ts";
import type { JobState } from "../src/domain/job-state.ts";
import type { RedisClient } from "../src/redis/connection.ts";
import type { EventTail } from "../src/redis/event-tail.ts";
import { reading } from "../src/redis/fault.ts";
import type { Keys } from "../src/redis/keys.ts";
import { Bell } from "./bell.ts";

const BATCH = 200;
/** F2 */
const LOOK_MS = 5_000;

/** Before the first event. */
export const FROM_THE_START = 0;

export class JobEvents {
  readonly #log: JobEventLog;
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #tail: EventTail;

  constructor(options: {
    readonly log: JobEventLog;
    readonly redis: RedisClient;
    readonly keys: Keys;
    readonly tail: EventTail;
  }) {
    this.#log = options.log;
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#tail = options.tail;
  }

  /** Up to `BATCH` events after the one with number `after`, oldest first. @throws RedisFault */
  async after(job: string, after: number): Promise<readonly JobEventView[]> {
    return this.#log.after(job, after, BATCH);
  }

  /** The job's state; null when there is no such job. @throws RedisFault */
  async stateOf(job: string): Promise<JobState | null> {
    return (await reading(() => this.#redis.hget(this.#keys.job(job), "state"))) as JobState | null;
  }

  /** The events after `after` that have been, in batches. @throws RedisFault */
  async *soFar(job: string, after: number, gone: AbortSignal): AsyncGenerator<readonly JobEventView[]> {
    for (let position = after; !gone.aborted;) {
      const events = await this.after(job, position);
      if (events.length > 0) yield events;
      if (events.length < BATCH) return;
      position = Number(events.at(-1)?.id);
    }
  }

  /**
   * Follows the events after `after`, in batches; an empty batch says that nothing happened for `quietMs`.
   * @throws RedisFault
   */
  async *follow(
    job: string,
    after: number,
    options: { readonly quietMs: number; readonly signals: readonly AbortSignal[] },
  ): AsyncGenerator<readonly JobEventView[]> {
    const { quietMs, signals } = options;
    const bell = new Bell();
    const unwatch = this.#tail.watch(job, bell.ring);
    const stopped = (): boolean => signals.some((signal) => signal.aborted);
    let position = after;
    let quietSince = performance.now();
    try {
      while (!stopped()) {
        const events = await this.after(job, position);
        const last = events.at(-1);
        if (last !== undefined) {
          position = Number(last.id);
          quietSince = performance.now();
          yield events;
        } else if (await this.hasEnded(job, position)) {
          return;
        } else {
          await bell.wait(Math.max(0, Math.min(LOOK_MS, quietSince + quietMs - performance.now())), signals); // F2
          if (!stopped() && performance.now() - quietSince >= quietMs) {
            quietSince = performance.now();
            yield [];
          }
        }
      }
    } finally {
      unwatch();
    }
  }

  /** F3: nothing more can come after `position`. @throws RedisFault */
  async hasEnded(job: string, position: number): Promise<boolean> {
    const state = await this.stateOf(job);
    if (state === null) return true;
    // State and event are written in one step, so an event that came meanwhile is seen by this second look.
    return isFinalState(state) && (await this.after(job, position)).length === 0;
  }
}
