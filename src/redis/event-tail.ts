/**
 * Wakes whoever waits for something to happen to a job: one blocking read per process on the short stream of all
 * events, whatever the number of waiters.
 *
 * N1 A wake says "look again", nothing more: what happened is read from the record or the job's own stream. So a wake
 *    too many costs a read, and none has to be stored.
 * N2 After anything that may have hidden an event (start, lost connection, mute server) everybody is woken.
 * N3 A read that is not answered in time is given up with its connection: a half-dead socket says nothing for ever.
 * N4 The position is taken anew after a gap, never kept: a Redis that came back may count from elsewhere.
 */
import type { Clock } from "../runtime/clock.ts";
import type { Service } from "../runtime/service.ts";
import type { RedisClient } from "./connection.ts";
import type { Keys } from "./keys.ts";

/** How long Redis holds one read, ms. */
const BLOCK_MS = 1_000;
/** How long after that an answer may take, ms (N3). */
const MUTE_MS = 2_000;
const BATCH = 1_000;
const PAUSE_MS = 200;

export interface EventTailOptions {
  /** A connection of its own: everything else on it would wait behind the read. */
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly clock: Clock;
  /** Told once per outage. */
  readonly onError: (error: unknown) => void;
}

export class EventTail implements Service {
  readonly name = "event tail";
  readonly #options: EventTailOptions;
  readonly #watchers = new Map<string, Set<() => void>>();
  #running: Promise<void> | null = null;
  #stop = new AbortController();

  constructor(options: EventTailOptions) {
    this.#options = options;
  }

  /** Begins to read; it does not wait for Redis, which may be away when a process starts. */
  start(): Promise<void> {
    if (this.#running === null) {
      this.#stop = new AbortController();
      this.#running = this.#run(this.#stop.signal);
    }
    return Promise.resolve();
  }

  /** Stops reading; the connection stays open, its owner closes it. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#running = null;
  }

  /**
   * Calls `wake` after each event of the job, and after each gap (N1, N2). It must be quick and must not throw.
   * @returns ends it
   */
  watch(job: string, wake: () => void): () => void {
    let watchers = this.#watchers.get(job);
    if (watchers === undefined) this.#watchers.set(job, (watchers = new Set()));
    watchers.add(wake);
    return () => {
      const left = this.#watchers.get(job);
      left?.delete(wake);
      if (left?.size === 0) this.#watchers.delete(job);
    };
  }

  /** How many jobs are watched, for metrics. */
  get watched(): number {
    return this.#watchers.size;
  }

  async #run(stop: AbortSignal): Promise<void> {
    const report = (error: unknown): void => {
      if (!stop.aborted) this.#options.onError(error);
    };
    let position: string | null = null;
    let away = false;
    while (!stop.aborted) {
      try {
        if (position === null) {
          position = await this.#within(this.#lastEntry(), stop);
          this.#wakeAll(); // N2
        }
        position = await this.#within(this.#next(position), stop);
        away = false;
      } catch (error) {
        position = null; // N4
        if (!away) report(error);
        away = true;
        await this.#options.clock.sleep(PAUSE_MS, stop);
      }
    }
  }

  async #lastEntry(): Promise<string> {
    const [newest] = await this.#options.redis.xrevrange(this.#options.keys.events, "+", "-", "COUNT", 1);
    return newest === undefined ? "0-0" : newest[0];
  }

  /** Waits for entries after `position` and wakes who watches their jobs. @returns the new position */
  async #next(position: string): Promise<string> {
    const { redis, keys } = this.#options;
    const reply = await redis.xread("COUNT", BATCH, "BLOCK", BLOCK_MS, "STREAMS", keys.events, position);
    const entries = reply?.[0]?.[1];
    const newest = entries?.at(-1);
    if (entries === undefined || newest === undefined) return position;
    const jobs = new Set<string>();
    for (const [, fields] of entries) {
      const at = fields.indexOf("job");
      const job = fields[at + 1];
      if (at % 2 === 0 && job !== undefined) jobs.add(job);
    }
    for (const job of jobs) this.#wake(job);
    return newest[0];
  }

  #wake(job: string): void {
    for (const wake of this.#watchers.get(job) ?? []) wake();
  }

  #wakeAll(): void {
    for (const job of this.#watchers.keys()) this.#wake(job);
  }

  /** N3; a stop does not wait for the read under way. */
  async #within<T>(read: Promise<T>, stop: AbortSignal): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    let stopped: (() => void) | undefined;
    const cut = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.#options.redis.disconnect(true);
        reject(new Error(`no answer within ${BLOCK_MS + MUTE_MS} ms`));
      }, BLOCK_MS + MUTE_MS);
      stopped = () => reject(new Error("stopped"));
      stop.addEventListener("abort", stopped, { once: true });
    });
    try {
      return await Promise.race([read, cut]);
    } finally {
      clearTimeout(timer);
      if (stopped !== undefined) stop.removeEventListener("abort", stopped);
      read.catch(() => undefined); // It fails later when the connection is cut; nobody is left to be told.
    }
  }
}
