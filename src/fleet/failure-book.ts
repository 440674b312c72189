/**
 * How often workers of this fleet are lost: counted in Redis, so that it outlives whoever counts.
 *
 * FB1 A loss is noted by the script that establishes it (`lose-worker`, `finish` of a lost runner), once.
 * FB2 Time is counted by whoever has the caretaker's seat; a gap in which nobody did is not.
 */
import { LOSS_MEMORY, meanTimeToLossMs } from "../domain/failure-rate.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { loadScript, runScript, type Script } from "../redis/script.ts";

/** Longest time counted in one go, ms (FB2). */
const AT_ONCE_MS = 5_000;

export class FailureBook {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #count: Script = loadScript(new URL("./scripts/", import.meta.url), "count-losses");

  constructor(options: { readonly redis: RedisClient; readonly keys: Keys }) {
    this.#redis = options.redis;
    this.#keys = options.keys;
  }

  /**
   * Counts the time since it was last called, and says anew how often a worker is lost.
   * @param alive workers that live now
   * @returns ms between losses of one worker
   */
  async count(alive: number): Promise<number> {
    const args = [alive, LOSS_MEMORY.longMs, LOSS_MEMORY.recentMs, AT_ONCE_MS];
    const reply = await runScript(this.#redis, this.#count, [this.#keys.root], args);
    const [longLosses = 0, longMs = 0, recentLosses = 0, recentMs = 0] = (Array.isArray(reply) ? reply : []).map(
      Number,
    );
    const mtbfMs = Math.round(meanTimeToLossMs({ longLosses, longMs, recentLosses, recentMs }));
    await this.#redis.hset(this.#keys.failures, "mtbfMs", String(mtbfMs));
    return mtbfMs;
  }
}
