/**
 * Tests of batch records: each gets a bench of its own, on a real Redis that all tests of the file share.
 *
 *   describe.each(EVERY_REDIS)("arrays on %s", (_name, it) => {
 *     it("an array makes its elements", async ({ batch }) => { … });
 *   });
 */
import { test } from "vitest";
import { openBatch, type BatchBench } from "./batch-bench.ts";
import { startRedis } from "./redis.ts";
import { startRedisCluster } from "./redis-cluster.ts";

interface TestServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** With `server`, started for the first test that wants it and stopped after the file, and a new `batch` each time. */
function batchTest<Server extends TestServer>(startServer: () => Promise<Server>) {
  return test
    .extend("server", { scope: "file" }, async ({}, { onCleanup }): Promise<Server> => {
      const server = await startServer();
      onCleanup(() => server.stop());
      return server;
    })
    .extend("batch", async ({ server }, { onCleanup }): Promise<BatchBench> => {
      const batch = await openBatch(server.url);
      onCleanup(() => batch.close());
      return batch;
    });
}

/** For what does not depend on how Redis is set up. */
export const it = batchTest(startRedis);

/** For what must be the same on every kind of Redis: its name, and `it` on such a one. */
export const EVERY_REDIS = [
  ["one Redis", batchTest<TestServer>(startRedis)],
  ["a Cluster of three primaries", batchTest<TestServer>(startRedisCluster)],
] as const;
