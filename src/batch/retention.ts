/**
 * What is forgotten, and when: checkpoints of final jobs first, then the records with everything else.
 *
 * O1 Redis forgets before the store deletes: a file may outlive its record, never the other way round.
 */
import type { CheckpointStore } from "../checkpoints/checkpoints.ts";
import type { Limits } from "../domain/limits.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript } from "../redis/script.ts";
import type { BatchScripts } from "./scripts.ts";

const AT_MOST = 25;

export interface RetentionOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly store: CheckpointStore;
  readonly limits: Limits;
  readonly redisNowMs: () => number;
}

/** One bounded round. @returns how many jobs lost their checkpoints, and how many were forgotten */
export async function retain(options: RetentionOptions): Promise<{ readonly swept: number; readonly removed: number }> {
  const { redis, keys, scripts, store, limits, redisNowMs } = options;
  const swept = await runScript(redis, scripts.sweep, [keys.root], [AT_MOST, limits.finalCheckpointTtlMs]);
  const ids = Array.isArray(swept) ? swept.map(String) : [];
  for (const id of ids) {
    await deleteAll(store, `jobs/${id}/checkpoints/`); // O1
    await deleteAll(store, `jobs/${id}/objects/`);
  }

  const excess = (await redis.zcard(keys.finals)) - limits.finalRecordCount;
  const old = await redis.zrangebyscore(
    keys.finals,
    "-inf",
    redisNowMs() - limits.finalRecordTtlMs,
    "LIMIT",
    0,
    AT_MOST,
  );
  const over = excess > 0 ? await redis.zrange(keys.finals, 0, String(Math.min(excess, AT_MOST) - 1)) : [];
  const doomed = [...new Set([...old, ...over])];
  for (const id of doomed) {
    const reply = await runScript(redis, scripts.remove, [keys.root], [id]);
    if (reply !== "ok" && reply !== "not_found") continue; // Somebody needs it still.
    await deleteAll(store, `jobs/${id}/`);
  }
  return { swept: ids.length, removed: doomed.length };
}

/** Deletes all that a removed job left in the store. */
export async function deleteFilesOf(store: CheckpointStore, id: string): Promise<void> {
  await deleteAll(store, `jobs/${id}/`);
}

async function deleteAll(store: CheckpointStore, prefix: string): Promise<void> {
  for await (const path of store.list(prefix)) await store.delete(path);
}
