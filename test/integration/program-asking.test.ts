/** When a program is asked for a checkpoint, and when it is not, with real programs under a real keeper. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findTool } from "../support/find-tool.ts";
import { ProgramJob } from "../support/program-job.ts";

const file = fileURLToPath(new URL("../support/programs/asked.yaml", import.meta.url));

let kept: string;
beforeAll(async () => {
  kept = await mkdtemp(join(tmpdir(), "cairn-asking-"));
});
afterAll(() => rm(kept, { recursive: true, force: true }));

describe.skipIf(findTool("python3") === null)("a program that is asked by a signal", () => {
  const create = (task: string, steps = 60): Promise<ProgramJob> =>
    ProgramJob.create(task, { steps, stepMs: 50 }, { kept, file, intervalMs: 200 });

  test.concurrent("PT5: is asked past a shell that only blocks the signal while it starts other programs", async () => {
    await using job = await create("under-a-busy-shell", 240); // It has a few moments only in which it can be asked.
    const attempt = job.attempt();
    expect(await attempt.over()).toMatchObject({ kind: "succeeded" });
    expect(job.commits.length).toBeGreaterThan(0);
  });

  test.concurrent("and waits for it with the signal blocked, gets it", async () => {
    await using job = await create("waits-for-signals");
    const attempt = job.attempt();
    await attempt.until("a checkpoint", () => job.commits.length > 0);
    expect(await attempt.over()).toMatchObject({ kind: "succeeded" });
  });

  test.concurrent("and cannot answer yet, is not ended for that", async () => {
    await using job = await create("reads-a-mesh");
    const attempt = job.attempt();
    expect(await attempt.over()).toMatchObject({ kind: "succeeded" });
    expect(job.commits.length).toBeGreaterThan(0);
    expect((await job.log(1)).match(/made no checkpoint within 500 ms/g)?.length).toBeGreaterThanOrEqual(3);
  });

  test.concurrent("and says when it can be asked, is not asked before", async () => {
    await using job = await create("says-when-it-is-ready");
    const attempt = job.attempt();
    expect(await attempt.over()).toMatchObject({ kind: "succeeded" });
    expect(job.commits.length).toBeGreaterThan(0);
    const log = await job.log(1);
    expect(log.match(/no checkpoint: the program has not shown yet that it can be asked/g)).toHaveLength(1); // Not at each time.
    expect(log).not.toContain("made no checkpoint within");
  });
});

describe.skipIf(findTool("python3") === null)("a program loses its machine, and goes on from its checkpoint:", () => {
  test.concurrent.each([
    ["MK6: asked by SIGTSTP it stops itself, and is sent on", "stops-itself", "final.txt"],
    ["RD1: its socket shows that it can be asked", "asked-by-its-socket", "final.txt"],
    ["XM2: it ends with 0 when it is asked, and when it is done", "ends-with-0-both-ways", "state.dat"],
  ])("%s", async (_, task, output) => {
    await using job = await ProgramJob.create(task, { steps: 60, stepMs: 20 }, { kept, file, intervalMs: 200 });
    const { next } = await job.loseMachine();
    expect(await next.over()).toMatchObject({ kind: "succeeded" });
    expect(next.restoredFrom).toBeGreaterThanOrEqual(2);
    expect(await job.artifact(output)).toBe("60");
    // MK7: it starts for half a second.
    if (task === "ends-with-0-both-ways") expect(job.commits[1]?.blockedMs).toBeGreaterThanOrEqual(500);
  });
});

describe.skipIf(findTool("python3") === null)("a program that writes its state through its memory (mmap)", () => {
  test.concurrent("has a checkpoint when its content rests, not when its times do", async () => {
    await using job = await ProgramJob.create("mapped", { steps: 40, stepMs: 0 }, { kept, file, intervalMs: 100 });
    const first = job.attempt();
    await first.until("a checkpoint", () => job.commits.length > 0);
    await first.killMachine();
    expect(await job.attempt().over()).toMatchObject({ kind: "succeeded" });
    expect(await job.artifact("whole.txt")).toBe("40"); // Of the last pass alone: before, two numbers stand in it.
  });
});

describe.skipIf(findTool("python3") === null)("a program that is asked to exit with its checkpoint", () => {
  test.concurrent.each([
    ["and is told by its input file whether it goes on, is told so at each start (IN2)", "goes-on-as-its-input-says"],
    ["by a change of its input file, finds it as it was when it is started again (IN3)", "asked-by-its-input-file"],
  ])("%s", async (_, task) => {
    await using job = await ProgramJob.create(task, { steps: 60, stepMs: 20 }, { kept, file, intervalMs: 200 });
    const { next } = await job.loseMachine();
    expect(await next.over()).toMatchObject({ kind: "succeeded" });
    const begins = `${await job.log(1)}\n${await job.log(2)}`.match(/^(begin|continue) at step \d+/gm) ?? [];
    expect(begins[0]).toBe("begin at step 0");
    expect(begins.length).toBeGreaterThan(2);
    expect(begins.slice(1).filter((line) => !/^continue at step [1-9]/.test(line))).toEqual([]);
    expect(await job.artifact("final.txt")).toBe("60\n");
  });
});

describe.skipIf(findTool("python3") === null)(
  "a program that writes its state in place, several times a second",
  () => {
    test.concurrent("has checkpoints when it says that each is complete when it is closed", async () => {
      await using job = await ProgramJob.create(
        "rewritten",
        { steps: 15, stepMs: 330 },
        { kept, file, intervalMs: 100 },
      );
      const first = job.attempt();
      await first.until("two checkpoints", () => job.commits.length >= 2);
      await first.killMachine();
      const second = job.attempt();
      expect(await second.over()).toMatchObject({ kind: "succeeded" });
      expect(second.restoredFrom).toBeGreaterThanOrEqual(2);
      expect(await job.artifact("final.txt")).toBe("15\n");
    });
  },
);
