/**
 * How often workers of this fleet are lost: counted in Redis, so that it outlives whoever counts.
 *
 * FB1 A loss is noted by the script that establishes it (`lose-worker`, `finish` of a lost runner), once.
 * FB2 Time is counted by whoever has the caretaker's seat; a gap in which nobody did is not.
 */
import {
  LOSS_MEMORY,
  meanTimeToLossInZoneMs,
  meanTimeToLossMs,
  NO_LOSSES,
  type LossCounts,
} from "../domain/failure-rate.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { loadScript, runScript, type Script, type ScriptReply } from "../redis/script.ts";

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
   * Counts the time since it was last called, and says anew how often a worker is lost: of the fleet, and of each zone.
   * @param alive workers that live now, by zone; "": those that name none
   * @returns ms between losses of one worker of the fleet
   */
  async count(alive: ReadonlyMap<string, number>): Promise<number> {
    const args = [LOSS_MEMORY.longMs, LOSS_MEMORY.recentMs, AT_ONCE_MS, ...[...alive].flat()];
    const reply = await runScript(this.#redis, this.#count, [this.#keys.root], args);
    const counts = new Map((Array.isArray(reply) ? reply : []).map(countsOf));
    const fleet = counts.get("") ?? NO_LOSSES;
    const mtbfMs = Math.round(meanTimeToLossMs(fleet));
    const fields = [...counts].map(([zone, ofZone]): [string, number] =>
      zone === "" ? ["mtbfMs", mtbfMs] : [`mtbfMs@${zone}`, Math.round(meanTimeToLossInZoneMs(ofZone, fleet))],
    );
    await this.#redis.hset(this.#keys.failures, Object.fromEntries(fields));
    return mtbfMs;
  }
}

/** The counts of a zone, as the script tells them. */
function countsOf(told: ScriptReply): [string, LossCounts] {
  const [zone = "", ...numbers] = Array.isArray(told) ? told : [];
  const [longLosses = 0, longMs = 0, recentLosses = 0, recentMs = 0] = numbers.map(Number);
  return [String(zone), { longLosses, longMs, recentLosses, recentMs }];
}
