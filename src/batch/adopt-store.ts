/**
 * Gives a fleet another checkpoint store.
 *
 * AS1 Only when no unfinished job would lose work by it: the newest checkpoint of each is in the new store too.
 * AS2 The new store gets the markers of all generations of fences so far before it is noted (N1): a Redis that loses
 *     its memory later must not begin them anew.
 */
import { makeIdentity, storeNames, type CheckpointStore } from "../checkpoints/checkpoints.ts";
import { FINAL_STATES, JOB_STATES } from "../domain/job-state.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";

const PAGE = 200;

export type Adopting =
  | { readonly kind: "adopted" }
  /** AS1: jobs whose checkpoints are not there. */
  | { readonly kind: "lacking"; readonly jobs: readonly string[] };

export interface AdoptStoreOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly store: CheckpointStore;
  readonly who: string;
}

/** @throws StoreFault, what Redis says */
export async function adoptStore({ redis, keys, store, who }: AdoptStoreOptions): Promise<Adopting> {
  const lacking: string[] = [];
  for await (const { job, manifest } of newestCheckpoints(redis, keys)) {
    if ((await store.stat(manifest)) === null) lacking.push(job);
  }
  if (lacking.length > 0) return { kind: "lacking", jobs: lacking };
  const number = Number((await redis.hget(keys.generation, "number")) ?? 0);
  for (let n = 1; n <= number; n += 1) await store.create(storeNames.generationName(n), Buffer.from("adopted\n"));
  const note = { format: 1, id: await makeIdentity(store), url: store.url, by: who };
  await redis.set(keys.store, JSON.stringify(note));
  return { kind: "adopted" };
}

/** Of all jobs that have not ended and have one. */
async function* newestCheckpoints(
  redis: RedisClient,
  keys: Keys,
): AsyncIterable<{ readonly job: string; readonly manifest: string }> {
  const final = new Set<string>(FINAL_STATES);
  for (const state of Object.keys(JOB_STATES).filter((one) => !final.has(one))) {
    const index = keys.index(`s=${state}&c=batch`);
    for (let after = "-"; ;) {
      const ids = await redis.zrange(index, after, "+", "BYLEX", "LIMIT", 0, PAGE);
      const pipeline = redis.pipeline();
      for (const id of ids) pipeline.hget(keys.job(id), "ckManifest");
      for (const [at, [error, manifest]] of ((await pipeline.exec()) ?? []).entries()) {
        if (error !== null) throw error;
        if (typeof manifest === "string" && manifest !== "") yield { job: ids[at] ?? "", manifest };
      }
      const last = ids.at(-1);
      if (last === undefined || ids.length < PAGE) break;
      after = `(${last}`;
    }
  }
}
