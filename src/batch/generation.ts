/**
 * The generation of fences (F3): raised whenever Redis may have lost its memory, which shows as another `run_id`.
 *
 * N1 The marker in the checkpoint store is write-once and made before Redis is told: two caretakers cannot make the
 *    same generation for two memories of Redis, and a Redis that was set back gets a higher one all the same.
 */
import type { CheckpointStore } from "../checkpoints/checkpoints.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";

/**
 * Makes the generation fit the Redis that answers. Cheap when it does already.
 * @returns the generation in force
 */
export async function settleGeneration(redis: RedisClient, keys: Keys, store: CheckpointStore): Promise<number> {
  const runId = /run_id:([0-9a-f]+)/.exec(await infoOf(redis, keys))?.[1] ?? "";
  const [known, knownRun] = await redis.hmget(keys.generation, "number", "runId");
  if (typeof known === "string" && knownRun === runId) return Number(known);
  let next = Number(known ?? 0) + 1;
  while ((await store.create(`generation/${next}`, Buffer.from(`${runId}\n`))).kind === "exists") next += 1; // N1
  await redis.hset(keys.generation, { number: String(next), runId });
  return next;
}

/** INFO of the server that holds the batch keys: on a Cluster any other node would tell another run_id. */
async function infoOf(redis: RedisClient, keys: Keys): Promise<string> {
  return String(await redis.eval("return redis.call('INFO', 'server')", 1, keys.root));
}
