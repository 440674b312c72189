/**
 * What is forgotten, and when: checkpoints of final jobs first, then the records with everything else.
 *
 * O1 Redis forgets before the store deletes: a file may outlive its record, never the other way round. The script that
 *    forgets also notes what is to be deleted, and the note goes when that is done: whoever is killed in between leaves
 *    it to the next. Deleting twice does no harm.
 * O2 Files go ten minutes (`garbageDelayMs`) after their record: who has begun to download one is served to the end,
 *    even if its connection breaks on the way.
 * O3 A job whose checkpoints were forgotten may be retried while they are being deleted. What it stores then has a higher
 *    fence, and stays (A2).
 * O4 What cannot be deleted (its folder lies on bad sectors) is put off, and keeps nothing else from being deleted.
 * RT1 What an unfinished job names is kept until that job is final: of a job whose id stands in its input record,
 *    artifacts, log and checkpoints; of one that it waits for, or waited for (`dependsOn`), all but the checkpoints.
 *    Nobody deletes it by hand either.
 * RT2 Such a job leaves its shelf when its time is over, and is looked at again every ten minutes: however many there
 *    are, and however old, they keep nobody else from being forgotten, and do not count among the records that are kept.
 */
import { type CheckpointStore, StoreFault, storeNames } from "../checkpoints/checkpoints.ts";
import { compareFences, parseFenceText } from "../domain/fence.ts";
import type { Limits } from "../domain/limits.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript } from "../redis/script.ts";
import type { BatchScripts } from "./scripts.ts";

const AT_MOST = 25;
/** Of each kind, so that one that has fallen behind catches up: some thousand jobs in one go. */
const ROUNDS = 100;

/** O4: a store that is away is not asked for each of some thousand jobs. */
const FAULTS = 3;
const PUT_OFF_MS = 600_000;

type Deletable = Pick<CheckpointStore, "list" | "delete">;

export interface RetentionOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly store: Deletable;
  readonly limits: Limits;
  readonly redisNowMs: () => number;
  /** O2 */
  readonly garbageDelayMs: number;
}

export interface Retained {
  /** Jobs whose checkpoints were forgotten. */
  readonly swept: number;
  /** Jobs that were forgotten. */
  readonly removed: number;
  /** Notes of what was to be deleted that were carried out. */
  readonly purged: number;
}

/** One bounded go. @throws RedisFault; StoreFault: what is left is done at the next */
export async function retain(options: RetentionOptions): Promise<Retained> {
  const swept = await sweepCheckpoints(options);
  const removed = await removeRecords(options);
  return { swept, removed, purged: await purge(options) };
}

async function sweepCheckpoints({ redis, keys, scripts, limits }: RetentionOptions): Promise<number> {
  let swept = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const reply = await runScript(redis, scripts.sweep, [keys.root], [AT_MOST, limits.finalCheckpointTtlMs]);
    const [looked = 0, forgotten = 0] = Array.isArray(reply) ? reply.map(Number) : [];
    swept += forgotten;
    if (looked < AT_MOST) break;
  }
  return swept;
}

async function removeRecords(options: RetentionOptions): Promise<number> {
  const { redis, keys, limits, redisNowMs } = options;
  let [removed, untold] = [0, 0];
  for (let round = 0; round < ROUNDS; round += 1) {
    const again = await redis.zrangebyscore(keys.kept, "-inf", redisNowMs(), "LIMIT", 0, AT_MOST); // RT2
    const excess = (await redis.zcard(keys.finals)) - limits.finalRecordCount;
    const until = redisNowMs() - limits.finalRecordTtlMs;
    // Behind those whose children are still to be told, which stay the oldest.
    const old = await redis.zrangebyscore(keys.finals, "-inf", until, "LIMIT", untold, AT_MOST);
    const over =
      excess > untold ? await redis.zrange(keys.finals, untold, String(Math.min(excess, untold + AT_MOST) - 1)) : [];
    const doomed = [...new Set([...again, ...old, ...over])];
    for (const id of doomed) {
      const outcome = await forgetRecord(options, id);
      if (outcome === "ok" || outcome === "not_found") removed += 1;
      else if (outcome === "not_told") untold += 1;
    }
    if (doomed.length < AT_MOST) break;
  }
  return removed;
}

/** @returns what stands in `remove.lua`; an array when somebody needs it still */
async function forgetRecord({ redis, keys, scripts, garbageDelayMs }: RetentionOptions, id: string) {
  return runScript(redis, scripts.remove, [keys.root], [id, garbageDelayMs, "due"]);
}

/** Deletes what is noted and due (O1). @throws StoreFault, the last of those that put something off (O4) */
async function purge(options: RetentionOptions): Promise<number> {
  const { redis, keys, redisNowMs } = options;
  const done = { purged: 0, faults: [] as StoreFault[] };
  for (let round = 0; round < ROUNDS && done.faults.length < FAULTS; round += 1) {
    const due = await redis.zrangebyscore(keys.purge, "-inf", redisNowMs(), "LIMIT", 0, AT_MOST);
    for (const note of due) {
      const fault = await carryOut(options, note);
      if (fault === null) done.purged += 1;
      else if (done.faults.push(fault) >= FAULTS) break;
    }
    if (due.length < AT_MOST) break;
  }
  const last = done.faults.at(-1);
  if (last !== undefined) throw last;
  return done.purged;
}

/** @returns why it was put off (O4); null: it is done */
async function carryOut(
  { redis, keys, store, redisNowMs }: RetentionOptions,
  note: string,
): Promise<StoreFault | null> {
  const [id = "", fence] = note.split(" ");
  try {
    await (fence === undefined ? deleteFilesOf(store, id) : deleteCheckpoints(store, id, fence));
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    await redis.zadd(keys.purge, "XX", redisNowMs() + PUT_OFF_MS, note);
    return error;
  }
  await redis.zrem(keys.purge, note);
  return null;
}

/** Deletes all that a removed job left in the store. @throws StoreFault */
export async function deleteFilesOf(store: Deletable, id: string): Promise<void> {
  for await (const name of store.list(storeNames.jobFolder(id))) await store.delete(name);
}

/** O3 */
async function deleteCheckpoints(store: Deletable, id: string, fence: string): Promise<void> {
  const last = parseFenceText(fence);
  for (const folder of [storeNames.manifestFolder(id), storeNames.objectFolder(id)]) {
    for await (const name of store.list(folder)) {
      const writer = storeNames.writerOf(name);
      if (last !== null && writer !== null && compareFences(writer.fence, last) <= 0) await store.delete(name);
    }
  }
}
