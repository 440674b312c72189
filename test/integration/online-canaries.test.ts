/** Replicas that beat and are deaf in one of their ears: found out by what does not come back from them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { OnlineBed, type TestReplica } from "../support/online.ts";
import { startRedisCluster, type TestRedisCluster } from "../support/redis-cluster.ts";

describe("canaries on a Cluster", () => {
  let redis: TestRedisCluster;
  let bed: OnlineBed;
  beforeAll(async () => {
    redis = await startRedisCluster();
    bed = new OnlineBed(redis.url);
  });
  afterAll(async () => {
    await bed.stop();
    await redis.stop();
  });

  it("find out who takes no work, and who hears no orders, and nobody else", async () => {
    const sound = await bed.replica();
    const deafToWork = await bed.replica({ faults: "online.read=skip" });
    const deafToOrders = await bed.replica({ faults: "online.control=skip" });
    const api = await bed.coordinator();
    const reasonOf = ({ id }: TestReplica): string | null =>
      api.coordinator.replicas().find((replica) => replica.id === id)?.reason ?? null;
    // One after the other: nobody condemns two within five seconds.
    await eventually("both are unfit", () => reasonOf(deafToWork) !== null && reasonOf(deafToOrders) !== null, {
      withinMs: 120_000,
    });
    expect(reasonOf(deafToWork)).toMatch(/^beats, but takes nothing of [a-z]/);
    expect(reasonOf(deafToOrders)).toBe("beats, but takes nothing of its orders");
    expect(reasonOf(sound)).toBeNull();
    await api.sees(1);
  });
});
