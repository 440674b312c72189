/**
 * Tells the checkpoint store the states that no attempt tells it: a job that was stopped, cancelled or given up must
 * not come back as if it had been running, should Redis lose its record (`rebuild.ts`).
 *
 * MK1 A mark is written a second or two after the fact, beside everything else: a store that is away holds nobody up.
 * MK2 What is marked is the record's present state: one that the job has left meanwhile is nobody's business any more.
 * MK3 What the store does not take for one job goes behind all others, and is tried again after them.
 */
import { StoreFault, storeNames, writeMark, type CheckpointStore, type MarkTrace } from "../checkpoints/checkpoints.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";

const AT_MOST = 25;
/** A store that is away is not asked for each. */
const FAULTS = 3;
const MARKED: ReadonlySet<string> = new Set<MarkTrace["state"]>(["stopped", "cancelled", "expired", "failed"]);

export interface MarksOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly store: CheckpointStore;
}

/** One bounded round. @returns how many marks were written @throws StoreFault (MK3), and what Redis says */
export async function writeMarks({ redis, keys, store }: MarksOptions): Promise<number> {
  const due = await redis.zrange(keys.unmarked, 0, String(AT_MOST - 1), "WITHSCORES");
  const faults: StoreFault[] = [];
  let written = 0;
  for (let at = 0; at + 1 < due.length && faults.length < FAULTS; at += 2) {
    const [id = "", since = ""] = due.slice(at, at + 2);
    try {
      const mark = await markOf({ redis, keys, store }, id);
      if (mark !== null) {
        await writeMark(store, mark);
        written += 1;
      }
      await redis.eval(FORGET, 1, keys.unmarked, id, since);
    } catch (error) {
      if (!(error instanceof StoreFault)) throw error;
      faults.push(error);
      await redis.eval(LAST, 1, keys.unmarked, id, since);
    }
  }
  if (faults[0] !== undefined) throw faults[0];
  return written;
}

/** MK3: unless the job has come into another such state since. */
const LAST = `
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('ZADD', KEYS[1], tonumber(last[2]) + 1, ARGV[1])
return 1`;

/** Unless the job has come into another such state since. */
const FORGET = `
if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 1`;

/** MK2 */
async function markOf({ redis, keys, store }: MarksOptions, id: string): Promise<MarkTrace | null> {
  const fields = ["state", "reason", "error", "round", "fenceGeneration", "fenceCounter", "stateAt"] as const;
  const [state, reason, error, round, generation, counter, at] = await redis.hmget(keys.job(id), ...fields);
  if (typeof state !== "string" || !MARKED.has(state)) return null;
  // Nothing of it is there (its files were deleted): there is nothing to come back.
  if ((await store.stat(storeNames.jobFileName(id))) === null) return null;
  return {
    job: id,
    round: Number(round),
    fence: `${generation ?? 0}.${counter ?? 0}`,
    state: state as MarkTrace["state"],
    reason: reason ?? "",
    error: error ?? "",
    at: new Date(Number(at)).toISOString(),
  };
}
