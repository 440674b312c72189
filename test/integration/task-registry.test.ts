import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FleetWatch, TaskRegistry, WorkerPresence } from "../../src/fleet/fleet.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { COUNT_TASK, openBatch } from "../support/batch-bench.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

describe("a task that a worker has just registered", () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it("is found by all who ask at once, also beside one who asks for what nobody has", async () => {
    const batch = await openBatch(server.url);
    const { redis, keys } = batch;
    try {
      const watch = new FleetWatch({ redis, keys, clock: systemClock, onError: () => undefined });
      const registry = new TaskRegistry({ watch, clock: systemClock });
      await new WorkerPresence({ redis, keys, workerId: "w1" }).register(
        {
          ...{
            format: 1,
            boot: "b",
            host: "h",
            version: "1",
            zone: null,
            region: null,
            labels: {},
            pools: ["default"],
          },
          ...{ tasks: [`count@${COUNT_TASK.definition}`], startedAt: new Date().toISOString() },
        },
        [COUNT_TASK],
      );
      const found = await Promise.all(["count", "nobody", "count"].map((name) => registry.find(name)));
      expect(found.map((definitions) => definitions.map(({ name }) => name))).toEqual([["count"], [], ["count"]]);
    } finally {
      await batch.close();
    }
  });
});
