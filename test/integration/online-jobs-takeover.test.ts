/** What whoever takes over an online job can find out of what was sent already; and a Redis that restarts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { childrenOf } from "../support/child-processes.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";
import { ended, finalsOf, isFrozen, killApi, linesOf } from "../support/online-jobs.ts";

describe("online jobs of one replica with one slot, which swallows its first answer", () => {
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
    killApi(api);
    const [unknown, ran] = await ended(fleet, [begun.id, waiting.id]);
    expect(unknown).toMatchObject({ state: "failed", reason: "outcome_unknown", error: { code: "outcome_unknown" } });
    expect(ran).toMatchObject({ state: "succeeded", output: { job: waiting.id, attempt: 2 } });
    expect([linesOf(begins).length, linesOf(waits).length]).toEqual([1, 1]);
  });

  it("a process that was frozen before it could commit is refused when it thaws", async () => {
    const api = await fleet.addApi({ CAIRN_FAULTS: "online.before-commit=freeze@1" });
    const [serving = 0] = childrenOf(api.child.pid ?? 0);
    const id = (await api.client.submit({ task: "sleep", input: { ms: 50 }, deadlineMs: 40_000 })).job.id;
    await eventually("it froze", () => isFrozen(serving));
    const job = await fleet.job(id, "succeeds elsewhere", ({ state }) => state === "succeeded");
    expect(job).toMatchObject({ staleWritesRefused: 0, output: { sleptMs: 50 } });
    process.kill(serving, "SIGCONT");
    const after = await fleet.job(id, "has refused a late write", (seen) => seen.staleWritesRefused > 0);
    expect(after).toMatchObject({ state: "succeeded", attempts: job.attempts, finishedAt: job.finishedAt });
    expect(await finalsOf(fleet, id)).toBe(1);
    expect((await fleet.attempts(id)).map(({ outcome, reason }) => [outcome, reason])).toContainEqual([
      "lost",
      "coordinator_lost",
    ]);
    killApi(api);
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
