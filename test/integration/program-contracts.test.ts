/**
 * Contracts that programs have, kept by one in C: killed in the middle, each goes on from its last checkpoint, to the
 * result of an undisturbed run. Without a C compiler on this machine these tests are skipped.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileContracts, findCompiler, simulationValue } from "../support/contract-programs.ts";
import { ProgramJob } from "../support/program-job.ts";

const STEPS = 120;
const NEVER = 2_147_483_647;
const ASKED = ["trajectory", "term-85", "by-stdin", "by-command", "journal", "ledger"];

describe.skipIf(findCompiler() === null)("in C (needs a C compiler: apt-get install gcc libc6-dev), a program", () => {
  let folder: string;
  let file: string;
  beforeAll(() => ({ folder, file } = compileContracts()));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.concurrent.each([
    ["that is asked by a signal, and cuts its trajectory back when it resumes", "trajectory"],
    ["that is asked by SIGTERM, and exits with 85", "term-85"],
    ["that is asked on its standard input, and says when it has written", "by-stdin"],
    ["that is asked by a command, through a named pipe", "by-command"],
    ["that writes two files in turns, each complete with its last line", "alternate"],
    ["that writes a folder for each checkpoint, and a link to the newest", "folders"],
    ["that leaves a marker file behind each checkpoint", "marker"],
    ["that only appends to a journal, in half lines too", "journal"],
    ["that writes two files in place all the time", "ledger"],
    ["that puts itself into the background, and ignores SIGTERM", "background"],
  ])("%s", async (_, task) => {
    await using job = await ProgramJob.create(
      task,
      { steps: STEPS, stepMs: 1 },
      { kept: join(folder, "kept"), file, intervalMs: ASKED.includes(task) ? 300 : NEVER },
    );
    const { last, next } = await job.loseMachine();
    expect(await next.over()).toMatchObject({ kind: "succeeded" });
    expect(next.restoredFrom).toBe(last);
    expect(await job.log(2)).toMatch(/^begins at step [1-9]/m);
    expect(await job.artifact("final.txt")).toBe(simulationValue(STEPS));
    if (task === "trajectory") {
      const lines = (await job.artifact("trajectory.txt")).trimEnd().split("\n");
      expect(lines.map((line) => Number(line.split(" ")[0]))).toEqual(Array.from({ length: STEPS }, (__, n) => n + 1));
    }
  });
});
