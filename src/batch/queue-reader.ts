/** How deep the batch queues are, and how old. */
import type { Queue } from "../contract/queue.ts";
import type { TaskInfo } from "../contract/worker.ts";
import { reading } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { queueName, type TicketQueues } from "./tickets.ts";

/** Jobs of a task that are looked at to find the oldest one of each of its queues. */
const LOOKED_AT = 50;

export interface QueueReaderOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly tickets: TicketQueues;
  readonly redisNowMs: () => number;
}

export class QueueReader {
  readonly #options: QueueReaderOptions;

  constructor(options: QueueReaderOptions) {
    this.#options = options;
  }

  /** The queues of the known batch tasks in `pools`, by name. @throws RedisFault */
  async queues(tasks: readonly TaskInfo[], pools: readonly string[]): Promise<Queue[]> {
    const found = new Map<string, Omit<Queue, "queued" | "oldestAgeMs">>();
    for (const task of tasks.filter((candidate) => candidate.class === "batch")) {
      const checkpointVersion = task.checkpointVersion ?? 1;
      for (const pool of pools) {
        const name = queueName(pool, task.name, checkpointVersion);
        found.set(name, { name, pool, task: task.name, checkpointVersion });
      }
    }
    const [depths, since] = await reading(() =>
      Promise.all([
        this.#options.tickets.depths([...found.keys()]),
        this.#oldest([...new Set([...found.values()].map(({ task }) => task))]),
      ]),
    );
    const now = this.#options.redisNowMs();
    return [...found.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((queue) => {
        const sinceMs = since.get(queue.name);
        const oldestAgeMs = sinceMs === undefined ? null : Math.max(0, Math.round(now - sinceMs));
        return { ...queue, queued: depths.get(queue.name) ?? 0, oldestAgeMs };
      });
  }

  /** Queue → since when its oldest job is ready. */
  async #oldest(tasks: readonly string[]): Promise<Map<string, number>> {
    const { redis, keys } = this.#options;
    const oldest = new Map<string, number>();
    for (const task of tasks) {
      const ids = await redis.zrange(keys.index(`s=queued&t=${task}`), "-", "+", "BYLEX", "LIMIT", 0, LOOKED_AT);
      const pipeline = redis.pipeline();
      for (const id of ids) pipeline.hmget(keys.job(id), "queue", "stateAt");
      for (const [, reply] of (await pipeline.exec()) ?? []) {
        const [queue, stateAt] = reply as (string | null)[];
        if (typeof queue !== "string" || typeof stateAt !== "string") continue;
        oldest.set(queue, Math.min(oldest.get(queue) ?? Infinity, Number(stateAt)));
      }
    }
    return oldest;
  }
}
