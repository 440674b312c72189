/** The online path while Redis goes away and comes back. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { InvokeOutcome } from "../../src/online/online.ts";
import { eventually } from "../support/eventually.ts";
import { OnlineBed, type TestCoordinator } from "../support/online.ts";
import { kinds, notes } from "../support/online-notes.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cairn-online-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("Redis away", () => {
  let redis: TestRedis;
  let bed: OnlineBed;
  beforeEach(async () => {
    redis = await startRedis();
    bed = new OnlineBed(redis.url);
  });
  afterEach(async () => {
    await bed.stop();
    await redis.stop();
  });

  const served = async (api: TestCoordinator): Promise<void> => {
    await eventually("service again", async () => {
      const outcome = await api.invoke("echo", 1, { deadlineMs: 500 });
      return outcome.kind === "answered";
    });
  };

  it("refuses at once while it is down, answers what was under way, and serves again without a restart", async () => {
    const { api } = await bed.start(2);
    const file = join(folder, "notes");
    const underWay = Array.from({ length: 10 }, () => api.invoke("slow", { ms: 400, file }));
    await eventually("they run", () => notes(file, "began").length === 10);
    await redis.kill();
    await pause(50);
    const begin = performance.now();
    const refused = await Promise.all(Array.from({ length: 20 }, () => api.invoke("echo", 1)));
    expect(kinds(refused)).toEqual({ unavailable: 20 });
    expect(performance.now() - begin).toBeLessThan(2_000); // Not a measurement: it must not wait for a timeout each.
    await eventually("they have ended while nobody could be told", () => notes(file, "ended").length === 10);
    await redis.restart();
    expect(kinds(await Promise.all(underWay))).toEqual({ answered: 10 });
    await served(api);
    await api.sees(2);
  });

  it("refuses within half a second when it is mute, and does not run what it refused", async () => {
    const { api } = await bed.start(2);
    const file = join(folder, "notes");
    redis.pause();
    const outcomes = await Promise.all([api.invoke("slow", { ms: 1, file }), api.invoke("careful", { ms: 1, file })]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["unavailable", "outcome_unknown"]);
    expect((await api.invoke("echo", 1)).kind).toBe("unavailable");
    redis.resume();
    await served(api);
    await api.sees(2);
  });

  it("says that Redis is away, not that there is no room, to those who come while it falls silent", async () => {
    const { api } = await bed.start(1);
    const file = join(folder, "notes");
    const narrow = (): Promise<InvokeOutcome> => api.invoke("narrow", { ms: 20, file }, { deadlineMs: 1_000 });
    for (let n = 0; n < 20; n++) await narrow(); // By now it is known how long one takes, and that they go one by one.
    redis.pause();
    const first = narrow();
    await pause(200); // It is silent, and not yet taken for mute.
    const outcomes = await Promise.all([first, ...Array.from({ length: 30 }, () => narrow())]);
    expect(kinds(outcomes)).toEqual({ unavailable: 31 });
    redis.resume();
    await eventually("service again", async () => (await narrow()).kind === "answered");
    expect(notes(file, "began").length).toBeLessThan(30); // Nothing of what was refused.
  });

  it("comes back from ten restarts in a row", async () => {
    const { api } = await bed.start(2);
    for (let round = 0; round < 10; round++) {
      await redis.restart();
      await served(api);
    }
    await api.sees(2);
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, n) => api.invoke("echo", n)));
    expect(kinds(outcomes)).toEqual({ answered: 50 });
  });

  it("comes back when its server was demoted, and is the primary again", async () => {
    const { api } = await bed.start(2);
    const admin = new Redis(redis.url);
    await admin.replicaof("127.0.0.1", 1);
    await eventually("it refuses", async () => (await api.invoke("echo", 1)).kind === "unavailable");
    await pause(1_000);
    await admin.replicaof("NO", "ONE");
    admin.disconnect();
    await served(api);
    await api.sees(2);
  });

  it("tells the truth when Redis has lost its memory", async () => {
    const { api } = await bed.start(2);
    const file = join(folder, "notes");
    const mayRepeat = api.invoke("slow", { ms: 300, file });
    const carefully = join(folder, "careful");
    const mustNot = api.invoke("careful", { ms: 300, file: carefully });
    await eventually("they run", () => [file, carefully].every((path) => notes(path, "began").length === 1));
    const admin = new Redis(redis.url);
    await admin.flushall();
    admin.disconnect();
    expect((await mayRepeat).kind).toBe("answered");
    expect((await mustNot).kind).toBe("answered"); // The replica had the answer, and keeps it until it is told.
    await served(api);
  });
});

describe("a primary of the Cluster away", () => {
  it("serves again without a restart after each primary in turn was killed, and after one was mute", async () => {
    const cluster = await startRedisCluster();
    const bed = new OnlineBed(cluster.url);
    try {
      const { api } = await bed.start(2);
      const served = (label: string): Promise<unknown> =>
        eventually(label, async () => {
          const outcomes = await Promise.all(
            ["echo", "sleep", "failing"].map((task) =>
              api.invoke(task, task === "sleep" ? { ms: 1 } : {}, { deadlineMs: 1_000 }),
            ),
          );
          return outcomes.every(({ kind }) => kind === "answered" || kind === "refused");
        });
      await served("service at first");
      for (const [at, primary] of cluster.primaries.entries()) {
        await primary.kill();
        await pause(700);
        await primary.restart();
        await served(`service after primary ${at}`);
      }
      cluster.primaries[0]!.pause();
      await pause(2_000);
      cluster.primaries[0]!.resume();
      await served("service after the pause");
      await api.sees(2);
    } finally {
      await bed.stop();
      await cluster.stop();
    }
  });
});
