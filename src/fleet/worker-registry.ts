/** The workers as clients see them, and the orders given to them. */
import type { Worker } from "../contract/worker.ts";
import { reading, writing } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { readBeat, readRegistration } from "./beat.ts";
import type { Order } from "./order.ts";

export interface WorkerRegistryOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly redisNowMs: () => number;
}

export class WorkerRegistry {
  readonly #options: WorkerRegistryOptions;

  constructor(options: WorkerRegistryOptions) {
    this.#options = options;
  }

  /** All workers that are known, by id. @throws RedisFault */
  async list(): Promise<readonly Worker[]> {
    const { redis, keys, redisNowMs } = this.#options;
    const [beats, registrations] = await reading(() =>
      Promise.all([redis.hgetall(keys.beats), redis.hgetall(keys.workers)]),
    );
    return Object.entries(beats)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([id, raw]) => toWorker(id, raw, registrations[id], redisNowMs()) ?? []);
  }

  /** @throws RedisFault */
  async get(id: string): Promise<Worker | null> {
    const { redis, keys, redisNowMs } = this.#options;
    const [beat, registration] = await reading(() =>
      Promise.all([redis.hget(keys.beats, id), redis.hget(keys.workers, id)]),
    );
    return beat === null ? null : toWorker(id, beat, registration ?? undefined, redisNowMs());
  }

  /** Whether so many workers are silent at once that their leases are taken slowly. @throws RedisFault */
  async brake(): Promise<{ readonly silent: number; readonly workers: number } | null> {
    const { redis, keys } = this.#options;
    const stored = await reading(() => redis.get(keys.brake));
    return stored === null ? null : (JSON.parse(stored) as { readonly silent: number; readonly workers: number });
  }

  /** Leaves an order for a worker, and wakes it. @returns false when nobody of that id is known. @throws RedisFault */
  async order(id: string, order: Order): Promise<boolean> {
    const { redis, keys } = this.#options;
    const known = await reading(() => redis.hexists(keys.beats, id));
    if (known === 0) return false;
    await writing(() =>
      redis
        .multi()
        .hset(keys.orders, id, JSON.stringify(order))
        .lpush(keys.wake(id), "order")
        .pexpire(keys.wake(id), 60_000)
        .exec(),
    );
    return true;
  }
}

function toWorker(id: string, raw: string, registered: string | undefined, nowMs: number): Worker | null {
  const read = readBeat(raw);
  const registration = registered === undefined ? null : readRegistration(registered);
  if (read === null || registration === null) return null;
  const { beat, atMs } = read;
  return {
    id,
    state: beat.state,
    reason: beat.reason,
    host: registration.host,
    version: registration.version,
    zone: registration.zone,
    region: registration.region,
    labels: registration.labels,
    pools: registration.pools,
    tasks: registration.tasks.map((task) => task.split("@")[0] ?? task),
    pids: beat.pids,
    slots: beat.slots,
    replicas: [], // The online path knows them.
    replaced: beat.replaced,
    load: beat.load,
    loopLagMs: beat.loopLagMs,
    beatAgeMs: Math.max(0, Math.round(nowMs - atMs)),
    startedAt: registration.startedAt,
  };
}
