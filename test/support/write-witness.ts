/** Writes to Redis all the time, and knows how many of the writes that it acknowledged are gone when it is back. */
import { setTimeout as delay } from "node:timers/promises";
import { closeRedis, connectRedis, type RedisClient } from "../../src/redis/connection.ts";

const KEY = "write-witness";
const PAUSE_MS = 2;
const AGAIN_MS = 20;

export class WriteWitness {
  readonly #redis: RedisClient;
  readonly #writing: Promise<void>;
  #stopped = false;
  #acknowledged = 0;
  #lost = 0;

  constructor(url: string) {
    this.#redis = connectRedis(url, { kind: "command", commandTimeoutMs: 2_000 }, "write-witness");
    this.#writing = this.#write();
  }

  /** Acknowledged writes that were lost so far. */
  get lost(): number {
    return this.#lost;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
    closeRedis(this.#redis);
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const now = await this.#redis.incr(KEY).catch(() => null);
      if (now === null) {
        await delay(AGAIN_MS);
        continue;
      }
      // One whose answer was lost may count as well, but none that was acknowledged may be missing.
      this.#lost += Math.max(0, this.#acknowledged + 1 - now);
      this.#acknowledged = now;
      await delay(PAUSE_MS);
    }
  }
}
