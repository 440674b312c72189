/** The online path while replicas die, freeze, block, lose words, and while Redis goes away and comes back. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { InvokeOutcome } from "../../src/online/online.ts";
import { eventually } from "../support/eventually.ts";
import { OnlineBed, type TestCoordinator } from "../support/online.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cairn-online-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const notes = (file: string, word: string): string[] => {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.startsWith(word));
  } catch {
    return [];
  }
};
const kinds = (outcomes: readonly InvokeOutcome[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { kind } of outcomes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
};

/** Sends at a fixed rate until `until` is over, whatever becomes of the earlier ones. */
async function openLoad(
  send: () => Promise<InvokeOutcome>,
  perSecond: number,
  during: () => Promise<void>,
): Promise<InvokeOutcome[]> {
  const requests: Promise<InvokeOutcome>[] = [];
  const begin = performance.now();
  const timer = setInterval(() => {
    while (requests.length < ((performance.now() - begin) / 1_000) * perSecond) requests.push(send());
  }, 5);
  await during();
  clearInterval(timer);
  return Promise.all(requests);
}

const servers = [
  { name: "one Redis", start: () => startRedis() },
  { name: "a Cluster of three primaries", start: () => startRedisCluster() },
];

describe.each(servers)("faults of replicas on $name", ({ start }) => {
  let redis: Awaited<ReturnType<typeof start>>;
  let bed: OnlineBed;
  beforeAll(async () => {
    redis = await start();
  });
  afterAll(() => redis.stop());
  beforeEach(() => {
    bed = new OnlineBed(redis.url);
  });
  afterEach(() => bed.stop());

  it("loses no request when replicas are killed under load", async () => {
    const { api, replicas } = await bed.start(3);
    const outcomes = await openLoad(
      () => api.invoke("sleep", { ms: 30 }),
      200,
      async () => {
        await pause(500);
        replicas[0]!.kill("SIGKILL");
        await pause(2_500);
        replicas[1]!.kill("SIGKILL");
        await pause(1_000);
      },
    );
    expect(kinds(outcomes)).toEqual({ answered: outcomes.length });
    expect(outcomes.length).toBeGreaterThan(300);
  });

  it("loses no request when a replica freezes under load, and takes it back when it thaws", async () => {
    const { api, replicas } = await bed.start(3);
    const outcomes = await openLoad(
      () => api.invoke("sleep", { ms: 30 }),
      200,
      async () => {
        await pause(500);
        replicas[0]!.kill("SIGSTOP");
        await api.sees(2);
        await pause(1_500);
        replicas[0]!.kill("SIGCONT");
        await api.sees(3);
      },
    );
    expect(kinds(outcomes)).toEqual({ answered: outcomes.length });
  });

  it("tells the truth about what must not run twice: started, lost, and run once", async () => {
    const { api, replicas } = await bed.start(2);
    const file = join(folder, "notes");
    const request = api.invoke("careful", { ms: 60_000, file });
    const [line] = await eventually("it runs", () => {
      const lines = notes(file, "began");
      return lines.length > 0 ? lines : null;
    });
    await pause(50); // Its replica has said so.
    const pid = Number(line!.split(" ")[3]);
    replicas.find((one) => one.pid === pid)!.kill("SIGKILL");
    expect(await request).toMatchObject({ kind: "outcome_unknown", attempts: [{ outcome: "lost" }] });
    expect(notes(file, "began")).toHaveLength(1);
  });

  it("runs once what must not run twice, when a replica froze before it could take it", async () => {
    const { api, replicas } = await bed.start(2);
    for (const replica of replicas) replica.kill("SIGSTOP");
    await pause(1_200); // Their last blocks have ended: what is sent now stays in the list.
    const file = join(folder, "notes");
    const request = api.invoke("careful", { ms: 1, file });
    await pause(500);
    replicas[1]!.kill("SIGCONT");
    expect(await request).toMatchObject({ kind: "answered" });
    replicas[0]!.kill("SIGCONT");
    await api.sees(2);
    expect(notes(file, "began")).toHaveLength(1);
  });

  it("stops giving a request to replicas when it has killed three", async () => {
    const { api } = await bed.start(4);
    const file = join(folder, "notes");
    const outcome = await api.invoke("deadly", { file }, { deadlineMs: 30_000 });
    expect(outcome).toMatchObject({ kind: "failed", fault: "task" });
    expect(notes(file, "began")).toHaveLength(3);
  });

  it("loses nothing when a handler blocks the event loop of its replica", async () => {
    const { api } = await bed.start(2);
    const file = join(folder, "notes");
    const blocked = api.invoke("blocking", { ms: 3_000, file });
    await eventually("it runs", () => notes(file, "began").length > 0);
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, n) => api.invoke("echo", n)));
    expect(kinds(outcomes)).toEqual({ answered: 50 });
    expect((await blocked).kind).toBe("answered");
  });

  it("pays for a lost answer with a repeat, not with a hang", async () => {
    await bed.replica({ faults: "online.answer=skip@1" });
    const api = await bed.coordinator();
    await api.sees(1);
    const file = join(folder, "notes");
    const outcome = await api.invoke("slow", { ms: 100, file }, { deadlineMs: 6_000 });
    expect(outcome).toMatchObject({ kind: "answered" });
    expect(notes(file, "ended")).toHaveLength(2);
  });
});

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
