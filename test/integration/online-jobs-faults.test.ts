/** Whatever happens to the API process that sees to them, online jobs come to their end, once. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChildProcess } from "node:child_process";
import type { Job } from "../../src/contract/job.ts";
import type { Json } from "../../src/contract/json.ts";
import type { CairnClient } from "../../src/client/client.ts";
import { isFinalState } from "../../src/contract/job.ts";
import { childrenOf } from "../support/child-processes.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";
import { startRedis } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

interface Api {
  readonly client: CairnClient;
  readonly child: ChildProcess;
}

/** All processes of an API: nothing of it comes back by itself. */
function kill({ child }: Api): void {
  const serving = childrenOf(child.pid ?? 0);
  child.kill("SIGKILL");
  for (const pid of serving) process.kill(pid, "SIGKILL");
}

/** Is the process stopped by a signal? */
function isFrozen(pid: number): boolean {
  return /^State:\s*T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").trim().split("\n");
  } catch {
    return [];
  }
}

const ended = async (fleet: Fleet, ids: readonly string[]): Promise<Job[]> =>
  Promise.all(ids.map((id) => fleet.job(id, "ends", ({ state }) => isFinalState(state))));

const SERVERS = {
  "one Redis": startRedis,
  "a Cluster of three primaries": async () => {
    const cluster = await startRedisCluster();
    const [first] = cluster.primaries;
    if (first === undefined) throw new Error("no primary");
    return { ...first, url: cluster.url, stop: () => cluster.stop() };
  },
};

describe.each(Object.entries(SERVERS))("online jobs on %s", { timeout: 60_000 }, (_name, startServer) => {
  let fleet: Fleet;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cairn-once-"));
    fleet = await Fleet.start({
      workers: 2,
      redis: await startServer(),
      settings: { CAIRN_ONLINE_SLOTS: "24" },
    });
  });
  afterAll(async () => {
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const submit = async (client: CairnClient, task: string, input: Json): Promise<string> =>
    (await client.submit({ task, input, deadlineMs: 40_000 })).job.id;

  it("all come to their end when the process that sees to them is killed with 20 under way", async () => {
    const api = await fleet.addApi();
    const sleeping = await Promise.all(Array.from({ length: 16 }, () => submit(api.client, "sleep", { ms: 700 })));
    const files = Array.from({ length: 4 }, (_, n) => join(folder, `killed-${n}`));
    const once = await Promise.all(files.map((file) => submit(api.client, "once", { file, ms: 2_500 })));
    await eventually("all run", () => files.every((file) => linesOf(file).length === 1));
    kill(api);
    for (const job of await ended(fleet, sleeping)) {
      expect(job).toMatchObject({ state: "succeeded", output: { sleptMs: 700 }, staleWritesRefused: 0 });
    }
    // They must not run twice, and ran on: what their replicas answered was found.
    for (const job of await ended(fleet, once)) {
      expect(job).toMatchObject({ state: "succeeded", output: { job: job.id, attempt: 1 } });
    }
    expect(files.map((file) => linesOf(file).length)).toEqual([1, 1, 1, 1]);
    const counts = await Promise.all([...sleeping, ...once].map((id) => finals(id)));
    expect(new Set(counts)).toEqual(new Set([1]));
  });

  /** How often a job came to an end. */
  async function finals(id: string): Promise<number> {
    let count = 0;
    for await (const { type } of fleet.client.events(id)) {
      if (["succeeded", "failed", "cancelled", "expired"].includes(type)) count += 1;
    }
    return count;
  }

  it("a process that was frozen before it could commit is refused when it thaws", async () => {
    const api = await fleet.addApi({ CAIRN_FAULTS: "online.before-commit=freeze@1" });
    const [serving = 0] = childrenOf(api.child.pid ?? 0);
    const id = await submit(api.client, "sleep", { ms: 50 });
    await eventually("it froze", () => isFrozen(serving));
    const job = await fleet.job(id, "succeeds elsewhere", ({ state }) => state === "succeeded");
    expect(job).toMatchObject({ staleWritesRefused: 0, output: { sleptMs: 50 } });
    process.kill(serving, "SIGCONT");
    const after = await fleet.job(id, "has refused a late write", (seen) => seen.staleWritesRefused > 0);
    expect(after).toMatchObject({ state: "succeeded", attempts: job.attempts, finishedAt: job.finishedAt });
    expect(await finals(id)).toBe(1);
    expect((await fleet.attempts(id)).map(({ outcome, reason }) => [outcome, reason])).toContainEqual([
      "lost",
      "coordinator_lost",
    ]);
    kill(api);
  });
});

describe("online jobs of one replica with one slot, which swallows its first answer", { timeout: 60_000 }, () => {
  let fleet: Fleet;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cairn-once-"));
    fleet = await Fleet.start({ workers: 0 });
    await fleet.addWorker("w1", { CAIRN_ONLINE_SLOTS: "1", CAIRN_FAULTS: "online.answer=skip@1" });
  });
  afterAll(async () => {
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("what must not run twice runs if it had not begun, and is not known if it had and its answer never came", async () => {
    const [begins, waits] = [join(folder, "begins"), join(folder, "waits")];
    const api = await fleet.addApi();
    const once = (file: string, ms: number, deadlineMs: number) =>
      api.client.submit({ task: "once", input: { file, ms }, deadlineMs });
    // It has the slot until its deadline, and then gives up without a word.
    const begun = (await once(begins, 30_000, 8_000)).job;
    await eventually("it began", () => linesOf(begins).length === 1);
    const waiting = (await once(waits, 10, 40_000)).job;
    await fleet.job(waiting.id, "is seen to", ({ state }) => state === "running");
    kill(api);
    const [unknown, ran] = await ended(fleet, [begun.id, waiting.id]);
    expect(unknown).toMatchObject({ state: "failed", reason: "outcome_unknown", error: { code: "outcome_unknown" } });
    expect(ran).toMatchObject({ state: "succeeded", output: { job: waiting.id, attempt: 2 } });
    expect([linesOf(begins).length, linesOf(waits).length]).toEqual([1, 1]);
  });

  it("end although Redis restarts meanwhile", async () => {
    const ids = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const { job } = await fleet.client.submit({ task: "sleep", input: { ms: 500 }, deadlineMs: 40_000 });
        return job.id;
      }),
    );
    await fleet.redis.kill();
    await fleet.redis.restart();
    for (const job of await ended(fleet, ids)) expect(job).toMatchObject({ state: "succeeded" });
  });
});
