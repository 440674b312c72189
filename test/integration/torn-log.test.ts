/** A power failure tears a transaction in Redis' append-only file: it is done as a whole or not at all, also later. */
import { readFileSync, truncateSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeRedis, connectRedis } from "../../src/redis/connection.ts";
import { eventually } from "../support/eventually.ts";
import { growingFile, logRewritten } from "../support/faults/redis-data.ts";
import { Fleet } from "../support/fleet.ts";

describe("a transaction that is torn in the append-only file", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 1 });
  });
  afterAll(() => fleet.stop());

  it("is not half done when Redis is started for the second time after that", async () => {
    const { redis } = fleet;
    await fleet.job(await fleet.count(1, 0), "has ended", ({ state }) => state === "succeeded"); // This Redis is known.
    const connection = connectRedis(redis.url, { kind: "command", commandTimeoutMs: 5_000 }, "test");
    const halves = ["torn:first", "torn:second", "torn:third"];
    try {
      await eventually("Redis answers", () => connection.ping().catch(() => null));
      await connection.eval("for _, key in ipairs(KEYS) do redis.call('INCR', key) end", halves.length, ...halves);
      const path = growingFile(redis.dataDir);
      const begin = await eventually("the last of it is in the file", () => {
        const at = readFileSync(path).lastIndexOf("torn:third");
        return at === -1 ? null : at;
      });
      await redis.kill();
      truncateSync(path, begin);
      await redis.restart();
      await logRewritten(redis.dataDir, path);
      await redis.kill();
      await redis.restart();
      await eventually("Redis answers again", () => connection.ping().catch(() => null));
      expect(await connection.mget(halves)).toEqual([null, null, null]);
    } finally {
      closeRedis(connection);
    }
    await fleet.job(await fleet.count(1, 0), "has ended", ({ state }) => state === "succeeded");
  });
});
