/**
 * The generation of fences (F3): raised whenever Redis may have lost its memory, which shows as another `run_id`.
 *
 * N1 The marker in the checkpoint store is write-once and made before Redis is told: two caretakers cannot make the
 *    same generation for two memories of Redis, and a Redis that was set back gets a higher one all the same.
 * N2 Whether it has lost its memory, or was only restarted, its own data cannot tell: whoever had its answers before
 *    can. So a Redis with another run_id is not believed for a moment, in which no lease is granted or confirmed and
 *    the live agents beat; each knows which beat of its own Redis had acknowledged, and says when it has an older one.
 * N3 Then all leases of before are void: the record may name an owner that has been replaced since. Whom it names is
 *    affirmed if the store knows nobody newer, and given up otherwise (`void-leases.ts`). If Redis has lost nothing they
 *    go on, and only new ones get the new generation.
 * N4 A Redis with another run_id is had to write its append-only file anew, at once: what a power failure tore there
 *    would be half done at the start after this one (`redis/log-rewrite.ts`).
 */
import type { CheckpointStore } from "../checkpoints/checkpoints.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { classifyRedisError } from "../redis/fault.ts";
import { rewriteLog } from "../redis/log-rewrite.ts";
import { runScript } from "../redis/script.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { noteStore } from "./fleet-store.ts";
import type { BatchScripts } from "./scripts.ts";

/** So long the witnesses have to beat, ms (N2): beats come twice a second. */
const WITNESS_MS = 2_000;

export interface GenerationOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly store: CheckpointStore;
  /** Makes sure that the store is the fleet's, before anything is written there. */
  readonly demandStore: () => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The generation as one caretaker or witness sees it. */
export class Generation {
  readonly #options: GenerationOptions;
  #strange: { readonly runId: string; readonly sinceMs: number } | null = null;

  constructor(options: GenerationOptions) {
    this.#options = options;
  }

  /** Makes it fit the Redis that answers, when the witnesses have had their time (N2). */
  async settle(): Promise<void> {
    const { redis, keys, store, demandStore, clock } = this.#options;
    const runId = await runIdOf(redis, keys);
    const [known, knownRun] = await redis.hmget(keys.generation, "number", "runId");
    if (typeof known === "string") {
      if (knownRun === runId) return; // The usual case, for which the store is not needed.
      if (this.#strange?.runId !== runId) {
        await this.#rewriteLog(); // N4
        this.#strange = { runId, sinceMs: clock.monotonicMs() };
      }
      if (clock.monotonicMs() - this.#strange.sinceMs < WITNESS_MS) return;
    }
    await demandStore();
    this.#strange = null;
    await settleGeneration(redis, keys, store);
  }

  async #rewriteLog(): Promise<void> {
    const { redis, logger } = this.#options;
    try {
      await rewriteLog(redis);
    } catch (error) {
      if (classifyRedisError(error) !== null) throw error;
      logger.warn(
        { err: error },
        "Redis was started anew and does not let its append-only file be written anew (BGREWRITEAOF): if a power failure has torn it, what was under way then may be half done at its next start",
      );
    }
  }

  /** Says as a witness that Redis has older data than it had (N3). */
  async declareSetBack(): Promise<void> {
    const { redis, keys, scripts, logger } = this.#options;
    const below = await runScript(redis, scripts["set-back"], [keys.root], []);
    if (below !== 0) logger.error({ voidBelow: below }, "Redis came back with older data: leases of before are void");
  }
}

/**
 * Makes the generation fit the Redis that answers. Cheap when it does already.
 * @returns the generation in force
 */
export async function settleGeneration(redis: RedisClient, keys: Keys, store: CheckpointStore): Promise<number> {
  const runId = await runIdOf(redis, keys);
  const [known, knownRun] = await redis.hmget(keys.generation, "number", "runId");
  if (typeof known === "string" && knownRun === runId) return Number(known);
  let next = Number(known ?? 0) + 1;
  while ((await store.create(`generation/${next}`, Buffer.from(`${runId}\n`))).kind === "exists") next += 1; // N1
  await noteStore(redis, keys, store, "whoever made generation " + String(next)); // A Redis without memory lacks it.
  await redis.hset(keys.generation, { number: String(next), runId });
  return next;
}

/** The run_id of the server that holds the batch keys: on a Cluster any other node would tell another. */
async function runIdOf(redis: RedisClient, keys: Keys): Promise<string> {
  const info = String(await redis.eval("return redis.call('INFO', 'server')", 1, keys.root));
  return /run_id:([0-9a-f]+)/.exec(info)?.[1] ?? "";
}
