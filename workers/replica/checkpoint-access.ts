/**
 * How an online handler reads the latest checkpoint of a job (`ctx.latestCheckpoint`).
 *
 * Nothing of it is opened or even loaded before it is used: most online tasks never ask.
 */
import type { CheckpointView } from "../../src/tasks/context.ts";
import type { ReplicaAssignment } from "./protocol.ts";

type Access = (jobId: string) => Promise<CheckpointView | null>;

/** @returns a function that opens the latest committed checkpoint of a job; null when it has none */
export function checkpointAccess(
  places: Pick<ReplicaAssignment, "batchRedisUrl" | "redisPrefix" | "storeUrl" | "storeAccess">,
): Access {
  let access: Promise<Access> | null = null;
  return async (jobId) => {
    access ??= open(places);
    return (await access)(jobId);
  };
}

async function open(
  places: Pick<ReplicaAssignment, "batchRedisUrl" | "redisPrefix" | "storeUrl" | "storeAccess">,
): Promise<Access> {
  const [{ openStore, latestCheckpoint }, { CheckpointPins }, { connectRedis, whenReady }, { createKeys }] =
    await Promise.all([
      import("../../src/checkpoints/checkpoints.ts"),
      import("../../src/batch/checkpoint-pins.ts"),
      import("../../src/redis/connection.ts"),
      import("../../src/redis/keys.ts"),
    ]);
  const store = openStore(places.storeUrl, places.storeAccess);
  const redis = connectRedis(places.batchRedisUrl, { kind: "command", commandTimeoutMs: 2_000 }, "replica-checkpoints");
  await whenReady(redis, places.batchRedisUrl, 2_000).catch(() => undefined); // The question itself will tell.
  const pins = new CheckpointPins({ redis, keys: createKeys(places.redisPrefix) });
  return (jobId) => latestCheckpoint(store, (id) => pins.latest(id), jobId);
}
