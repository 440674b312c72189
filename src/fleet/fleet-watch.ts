/**
 * The fleet as one process sees it: the last beat of every worker and how long it has been the same, on this
 * process's own clock.
 *
 * D1 Silence is counted only while this process's own reads succeed: up to when the latest of them was asked, not up to
 *    now, and after a gap all counting starts afresh. While Redis is away, nobody falls silent.
 *    In a Redis that takes no writes (its disk is full) nobody can beat: whoever finds that starts it afresh, too.
 * D2 A worker is lost when its beat stayed the same for `LOST_AFTER_MS`; it is taken at its word again when it beats.
 */
import type { TaskInfo } from "../contract/worker.ts";
import type { Clock } from "../runtime/clock.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { LOST_AFTER_MS, readBeat, readRegistration, type Beat, type Registration } from "./beat.ts";

const LOOK_MS = 250;
/** A gap in our own reads longer than this voids what was counted (D1). */
const GAP_MS = 1_000;
/** Registrations and tasks change rarely: they are read with every fourth look. */
const SLOW_EVERY = 4;

export interface WatchedWorker {
  readonly id: string;
  readonly beat: Beat;
  /** The beat as stored: what a compare-and-set compares with. */
  readonly raw: string;
  readonly registration: Registration | null;
  /** How long the beat has been the same while we looked, ms. */
  readonly silentMs: number;
}

interface Seen {
  raw: string;
  sinceMs: number;
}

export interface FleetWatchOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

export class FleetWatch implements Service {
  readonly name = "fleet-watch";
  readonly #options: FleetWatchOptions;
  readonly #loop: Loop;
  readonly #seen = new Map<string, Seen>();
  #registrations = new Map<string, Registration>();
  #tasks: readonly TaskInfo[] = [];
  #lastReadMs: number | null = null;
  /** When what was read last was asked for: so long, at least, what did not change was the same (D1). */
  #lastAskedMs = -Infinity;
  #looks = 0;

  constructor(options: FleetWatchOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: this.name,
      intervalMs: LOOK_MS,
      clock: options.clock,
      round: () => this.look(),
      onError: options.onError,
    });
  }

  async start(): Promise<void> {
    await this.refresh().catch(this.#options.onError);
    await this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    this.#seen.clear();
    this.#lastReadMs = null;
  }

  /** All known tasks, whether a live worker has them or not. */
  get tasks(): readonly TaskInfo[] {
    return this.#tasks;
  }

  /** All known workers. */
  workers(): WatchedWorker[] {
    return [...this.#seen].flatMap(([id, seen]) => {
      const read = readBeat(seen.raw);
      if (read === null) return [];
      return [
        {
          id,
          beat: read.beat,
          raw: seen.raw,
          registration: this.#registrations.get(id) ?? null,
          silentMs: Math.max(0, this.#lastAskedMs - seen.sinceMs),
        },
      ];
    });
  }

  /** Workers that are to be called lost now (D2). */
  silent(): WatchedWorker[] {
    const over = this.workers().filter(
      ({ beat, silentMs }) => beat.state !== "lost" && beat.state !== "stopped" && silentMs >= LOST_AFTER_MS,
    );
    return over;
  }

  /** Nobody could beat until now (D1). */
  startAfresh(): void {
    const now = this.#options.clock.monotonicMs();
    for (const seen of this.#seen.values()) seen.sinceMs = now;
  }

  /** Reads everything at once: for a task or worker that is not known yet. */
  async refresh(): Promise<void> {
    this.#looks = 0;
    await this.look();
  }

  /** One look at the beats. */
  async look(): Promise<void> {
    const { redis, keys, clock } = this.#options;
    const slow = this.#looks % SLOW_EVERY === 0;
    this.#looks += 1;
    const askedMs = clock.monotonicMs();
    const [beats, workers, tasks] = await Promise.all([
      redis.hgetall(keys.beats),
      slow ? redis.hgetall(keys.workers) : null,
      slow ? redis.hgetall(keys.tasks) : null,
    ]);
    const now = clock.monotonicMs();
    const gap = this.#lastReadMs === null || now - this.#lastReadMs > GAP_MS;
    this.#lastReadMs = now;
    this.#lastAskedMs = askedMs;
    for (const [id, raw] of Object.entries(beats)) {
      const seen = this.#seen.get(id);
      if (seen?.raw !== raw) this.#seen.set(id, { raw, sinceMs: now });
      else if (gap) seen.sinceMs = now; // D1
    }
    for (const id of this.#seen.keys()) if (!(id in beats)) this.#seen.delete(id);
    if (workers !== null) {
      this.#registrations = new Map(
        Object.entries(workers).flatMap(([id, raw]) => {
          const registration = readRegistration(raw);
          return registration === null ? [] : [[id, registration] as const];
        }),
      );
    }
    if (tasks !== null) this.#tasks = Object.values(tasks).map((text) => JSON.parse(text) as TaskInfo);
  }
}
