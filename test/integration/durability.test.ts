/** Durability `replicated`: what anybody was told stands in a replica too. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomBytes } from "node:crypto";
import { NOTHING_NEW } from "../../src/batch/batch.ts";
import { closeRedis, connectRedis, whenReady, type RedisClient } from "../../src/redis/connection.ts";
import { RedisFault } from "../../src/redis/fault.ts";
import { createKeys } from "../../src/redis/keys.ts";
import { openScriptWriter, type OpenScriptWriter } from "../../src/redis/script-writer.ts";
import type { Script } from "../../src/redis/script.ts";
import { openBatch, type BatchBench } from "../support/batch-bench.ts";
import { eventually } from "../support/eventually.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

const ADD: Script = {
  name: "add",
  text: `return redis.call('INCRBY', KEYS[1] .. ':n', ARGV[1]) -- ${randomBytes(8).toString("hex")}`,
  sha: "0".repeat(40), // Redis knows no script of this name.
};

function open(url: string, redis: RedisClient, root: string): OpenScriptWriter {
  const key = createKeys(root).acknowledged;
  return openScriptWriter({ durability: "replicated", redis, url, label: "test", key, withinMs: 500 });
}

describe("with a replica", () => {
  let primary: TestRedis;
  let replica: TestRedis;
  let redis: RedisClient;
  let writer: OpenScriptWriter;
  let batch: BatchBench;
  beforeAll(async () => {
    primary = await startRedis();
    replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(primary.port)] });
    redis = connectRedis(primary.url, { kind: "command", commandTimeoutMs: 2_000 }, "test");
    await whenReady(redis, primary.url, 10_000);
    await eventually("the replica is in step", async () =>
      /slave0:.*state=online/.test(await (redis as { info(s: string): Promise<string> }).info("replication")),
    );
    writer = open(primary.url, redis, "durable");
    batch = await openBatch(primary.url, { writer });
  });
  afterAll(async () => {
    replica.resume();
    await batch.close();
    writer.close();
    closeRedis(redis);
    await replica.stop();
    await primary.stop();
  });

  it("writes are told when the replica has them, also many at once and of scripts that Redis does not know yet", async () => {
    const replies = await Promise.all(Array.from({ length: 100 }, () => writer.run(ADD, ["{durable}"], [1])));
    expect([...replies].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    const other = connectRedis(replica.url, { kind: "command", commandTimeoutMs: 2_000 }, "test");
    await whenReady(other, replica.url, 10_000);
    expect(await other.get("{durable}:n")).toBe("100");
    closeRedis(other);
  });

  it("a submission, a lease and an end that only the primary has are not known to last; said again they are", async () => {
    const id = await batch.created();
    const key = { key: "k", fingerprint: "f" };
    replica.pause();
    const doubt = await batch.submit({}, key).catch((error: unknown) => error);
    expect(doubt).toMatchObject({ name: "RedisFault", kind: "unknown", job: expect.any(String) as string });
    expect(await batch.reader.get((doubt as { job: string }).job)).toMatchObject({ state: "queued" });
    replica.resume();
    const again = await eventually("it is accepted", () => batch.submit({}, key).catch(() => null));
    expect(again).toMatchObject({ kind: "replayed", job: { id: (doubt as { job: string }).job } });

    const { fence, record, job } = await batch.lease("w1");
    expect(job).toBe(id);
    const end = { kind: "succeeded", output: "1", artifacts: [] } as const;
    replica.pause();
    expect((await batch.deskOf("w1").end(id, fence, record, end, NOTHING_NEW)).kind).toBe("unreachable");
    replica.resume();
    const said = async (): Promise<boolean> =>
      (await batch.deskOf("w1").end(id, fence, record, end, NOTHING_NEW)).kind === "ok";
    await eventually("the end is taken", said);
    expect(await batch.reader.get(id)).toMatchObject({ state: "succeeded", staleWritesRefused: 0 });
  });
});

describe("without one, on a Cluster", () => {
  it("nothing is told as done", async () => {
    const cluster = await startRedisCluster();
    const redis = connectRedis(cluster.url, { kind: "command", commandTimeoutMs: 5_000 }, "test");
    await whenReady(redis, cluster.url, 10_000);
    const writer = open(cluster.url, redis, "durable");
    try {
      const tried = (): Promise<unknown> => writer.run(ADD, ["{durable}"], [1]).catch((error: unknown) => error);
      // Until its connection stands, it says that Redis is not there.
      const fault = await eventually("it is tried", async () => {
        const said = await tried();
        return said instanceof RedisFault ? said : null;
      });
      expect(fault.kind).toBe("unknown");
    } finally {
      writer.close();
      closeRedis(redis);
      await cluster.stop();
    }
  });
});
