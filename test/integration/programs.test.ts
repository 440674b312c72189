/**
 * Real programs under a real keeper: each way to make a checkpoint, and each way to be interrupted. They are in Python;
 * where there is none these tests are skipped.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { findTool } from "../support/find-tool.ts";
import { countDigest } from "../support/fleet.ts";
import { ProgramJob } from "../support/program-job.ts";

let kept: string;
beforeAll(async () => {
  kept = await mkdtemp(join(tmpdir(), "cairn-programs-"));
});
afterAll(() => rm(kept, { recursive: true, force: true }));

const STEPS = 120;
const NEVER = 2_147_483_647;
/** Those that are not asked. */
const BY_THEMSELVES = ["by-exit-85", "periodic", "in-place"];

describe.skipIf(findTool("python3") === null)("a program", () => {
  test.concurrent.each(["by-signal", "large", "by-exit-signal", "by-stop-file", ...BY_THEMSELVES])(
    "%s whose machine dies in the middle goes on elsewhere, to the result of an undisturbed run",
    async (task) => {
      const asked = !BY_THEMSELVES.includes(task);
      await using job = await ProgramJob.create(
        task,
        { steps: STEPS, stepMs: 1 },
        { kept, intervalMs: asked ? 300 : NEVER },
      );
      const { last, next } = await job.loseMachine();
      expect(await next.over()).toMatchObject({ kind: "succeeded" });
      expect(next.restoredFrom).toBe(last);
      expect(await job.log(2)).toMatch(/^begins at step [1-9]/m);
      expect(await job.artifact("final.txt")).toBe(countDigest(STEPS));
    },
  );

  test.concurrent.each(["by-signal", "by-stop-file", "by-exit-85", "periodic"])(
    "%s that is told to stop makes its last checkpoint, and goes on from there",
    async (task) => {
      const asked = !BY_THEMSELVES.includes(task);
      await using job = await ProgramJob.create(
        task,
        { steps: STEPS, stepMs: 1 },
        { kept, intervalMs: asked ? 60_000 : NEVER },
      );
      const first = job.slowAttempt();
      await first.until("it is under way", () => (first.progress.at(-1) ?? 0) > 20);
      first.tell({ kind: "stop", intent: "stop", graceMs: 20_000 });
      expect(await first.over()).toMatchObject({ kind: "interrupted" });
      expect(job.commits.length).toBeGreaterThan(0);
      expect(await job.attempt().over()).toMatchObject({ kind: "succeeded" });
      expect(await job.artifact("final.txt")).toBe(countDigest(STEPS));
    },
  );

  test("whose files never rest has no checkpoint that is guessed, and the job is told what the contract needs", async () => {
    await using job = await ProgramJob.create("pair", { steps: 400, stepMs: 100 }, { kept, intervalMs: NEVER });
    const attempt = job.attempt();
    const said = (): string[] =>
      attempt.requests.flatMap((request) => (request.kind === "dropped" ? [request.detail] : []));
    await attempt.until("it is said", () => said().length + job.commits.length > 0);
    const step = attempt.progress.at(-1) ?? 0;
    await attempt.until("it goes on", () => (attempt.progress.at(-1) ?? 0) >= step + 10);
    expect(job.commits).toEqual([]);
    expect(said()).toEqual([expect.stringMatching(/never held still for 1000 ms.*say it in `checkpoint\.written`/)]);
  });

  test("that is stopped between two files of a checkpoint has not finished it, however long that takes", async () => {
    await using job = await ProgramJob.create("stopped", { steps: 80, stepMs: 25 }, { kept, intervalMs: NEVER });
    const first = job.attempt();
    await first.until("a whole one", () => job.commits.length > 0);
    await eventually("it is stopped", () => isStopped(job), { withinMs: 60_000 });
    const said = first.progress.at(-1) ?? 0;
    await first.until("it was for long", () => (first.progress.at(-1) ?? 0) >= said + 15);
    process.kill(first.runnerPid!, "SIGKILL");
    first.keeper.kill("SIGKILL");
    await first.exited;
    await first.nothingRuns();

    expect(await job.attempt().over()).toMatchObject({ kind: "succeeded" });
    expect(await job.log(2)).toMatch(/^begins at step 5$/m);
    expect(await job.artifact("final.txt")).toBe(countDigest(80));
  });
});

/** Is the process of a job that said that it stops? */
async function isStopped(job: ProgramJob): Promise<boolean> {
  const pid = /^process (\d+) stops$/m.exec(await job.log(1).catch(() => ""))?.[1];
  const stat = pid === undefined ? "" : await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}
