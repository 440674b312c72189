/** An agent's side of the registry: it registers itself and its tasks, beats, and hears its order. */
import type { TaskInfo } from "../contract/worker.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { loadScript, runScript, type Script } from "../redis/script.ts";
import type { Beat, Registration } from "./beat.ts";
import { readOrder, type Order } from "./order.ts";

export interface PresenceOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly workerId: string;
}

export class WorkerPresence {
  readonly #options: PresenceOptions;
  readonly #beat: Script = loadScript(new URL("./scripts/", import.meta.url), "beat");

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Makes worker and tasks known. An order that stood for an earlier start of this worker is void. */
  async register(registration: Registration, tasks: readonly TaskInfo[]): Promise<void> {
    const { redis, keys, workerId } = this.#options;
    const multi = redis.multi();
    for (const task of tasks) multi.hset(keys.tasks, `${task.name}@${task.definition}`, JSON.stringify(task));
    multi.hset(keys.workers, workerId, JSON.stringify(registration));
    multi.hdel(keys.orders, workerId);
    await multi.exec();
  }

  /** @returns the order that stands for this worker */
  async beat(beat: Beat): Promise<Order | null> {
    const { redis, keys, workerId } = this.#options;
    return readOrder(String(await runScript(redis, this.#beat, [keys.root], [workerId, JSON.stringify(beat)])));
  }
}
