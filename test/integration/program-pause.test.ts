/**
 * Programs whose files are a checkpoint at any moment: paused while they are frozen, stopped, killed in the middle of a
 * pause.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pauseFor } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/runtime/clock.ts";
import { ControlGroup } from "../../workers/keeper/control-group.ts";
import { Pause } from "../../workers/program/pause.ts";
import { ProcessTree } from "../../workers/program/process-tree.ts";
import { ProgramGroup } from "../../workers/program/program-group.ts";
import { areStopped } from "../../workers/program/threads.ts";
import { compileContracts, findCompiler, simulationValue } from "../support/contract-programs.ts";
import { eventually } from "../support/eventually.ts";
import { findTool } from "../support/find-tool.ts";
import { ProgramJob } from "../support/program-job.ts";
import type { TestAttempt } from "../support/keeper-agent.ts";

const file = fileURLToPath(new URL("../support/programs/always.yaml", import.meta.url));
const STEPS = 120;

let kept: string;
beforeAll(async () => {
  kept = await mkdtemp(join(tmpdir(), "cairn-pausing-"));
});
afterAll(() => rm(kept, { recursive: true, force: true }));

describe.skipIf(findTool("python3") === null)("a database in use", () => {
  test.concurrent("goes on from what it was at one moment, when its machine dies, and when it is stopped", async () => {
    await using job = await ProgramJob.create("database", { steps: STEPS, stepMs: 1 }, { kept, file, intervalMs: 150 });
    const { last, next } = await job.loseMachine();
    await next.until("it is under way", () => (next.progress.at(-1) ?? 0) > 0 && job.commits.length > last);
    next.tell({ kind: "stop", intent: "stop", graceMs: 20_000 });
    // A machine that is quick may have come to the end.
    expect((await next.over())?.kind).toMatch(/^(interrupted|succeeded)$/);
    expect(next.restoredFrom).toBe(last);
    if (next.end?.kind === "interrupted") expect(await job.attempt().over()).toMatchObject({ kind: "succeeded" });
    expect(await job.log(2)).toMatch(/^begins at step [1-9]/m);
    expect(await job.artifact("final.txt")).toBe(simulationValue(STEPS));
  });
});

test.concurrent(
  "what it has printed goes along as it was at that moment, and what does not go along is named",
  async () => {
    await using job = await ProgramJob.create("counter", { steps: 40, stepMs: 0 }, { kept, file, intervalMs: 100 });
    const { next } = await job.loseMachine();
    expect(await next.over()).toMatchObject({ kind: "succeeded" });
    const lines = (await job.artifact("printed.txt")).trimEnd().split("\n");
    // Between its file and the line there is a moment too: what is missing there was never printed.
    const numbers = lines.map((line) => Number(line.split(" ")[1]));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(numbers.length).toBeGreaterThanOrEqual(39);
    expect((await job.log(2)).match(/writes to forgotten\.log too, which no pattern/g)).toHaveLength(1);
  },
);

test.concurrent("a program that counts down is told how many steps remain, by the name of its checkpoint", async () => {
  await using job = await ProgramJob.create("counts-down", { steps: 60, stepMs: 0 }, { kept, file, intervalMs: 100 });
  const { next } = await job.loseMachine();
  expect(await next.over()).toMatchObject({ kind: "succeeded" });
  expect(await job.log(2)).toMatch(/^begins at step [1-9]/m);
  expect(await job.artifact("final.txt")).toBe("60\n");
});

describe.skipIf(findCompiler() === null)("a program that is paused", () => {
  let contracts: { folder: string; file: string };
  beforeAll(() => (contracts = compileContracts()));
  afterAll(() => rm(contracts.folder, { recursive: true, force: true }));

  test.concurrent.each([
    ["the machine", (attempt: TestAttempt) => attempt.killMachine()],
    ["its keeper", (attempt: TestAttempt) => attempt.killKeeper()],
  ])("is ended when %s is lost in the middle of it, and goes on from the checkpoint before", async (_, kill) => {
    const input = { steps: STEPS, stepMs: 1 };
    const wishes = { kept: join(contracts.folder, "kept"), file: contracts.file, intervalMs: 20 };
    await using job = await ProgramJob.create("ledger", input, wishes);
    const first = job.slowAttempt();
    await first.until("a checkpoint", () => job.commits.length > 0);
    const pids = (): number[] => childrenOf(first.runnerPid ?? 0);
    await eventually("it is paused", () => pids().some(isPaused), { withinMs: 60_000 });
    const family = pids();
    await kill(first);
    await eventually("nothing of it is left", () => family.every((pid) => !isThere(pid)));
    const last = job.commits.at(-1)!.seq;
    const next = job.attempt();
    expect(await next.over()).toMatchObject({ kind: "succeeded" });
    expect(next.restoredFrom).toBe(last);
    expect(await job.artifact("final.txt")).toBe(simulationValue(STEPS));
  });
});

const before = process.platform === "linux" ? controlGroupOf(process.pid) : "";
const group = ControlGroup.create(`pause-test-${process.pid}`);
group?.add(process.pid); // As a runner is in it.
const own = group === null ? null : ProgramGroup.create(group.path);
afterAll(() => {
  if (group !== null) writeFileSync(join(before, "cgroup.procs"), `${process.pid}`);
  group?.remove();
});

interface Way {
  readonly how: string;
  readonly programGroup: ProgramGroup | null;
}
const ways: readonly Way[] = [
  { how: "by SIGSTOP", programGroup: null },
  ...(own === null ? [] : [{ how: "by its control group", programGroup: own }]),
];

describe.skipIf(process.platform !== "linux").each(ways)("a pause $how", ({ programGroup }) => {
  /** A shell that starts other processes all the time, in a group of its own. */
  const started = async (script: string): Promise<{ readonly shell: ChildProcess; readonly pause: Pause }> => {
    const start = (): ChildProcess =>
      spawn("/bin/sh", ["-c", script], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
    const shell = programGroup === null ? start() : programGroup.startInside(start);
    await once(shell.stdout!, "data");
    shell.stdout!.on("data", () => undefined);
    const tree = new ProcessTree({ mark: "none", cgroup: null, guard: null });
    const look = () => tree.look().filter(({ pid }) => groupOf(pid) === shell.pid);
    return { shell, pause: new Pause({ tree: { look }, group: programGroup, clock: systemClock }) };
  };
  const end = async (shell: ChildProcess): Promise<void> => {
    process.kill(-shell.pid!, "SIGKILL");
    if (shell.exitCode === null && shell.signalCode === null) await once(shell, "exit");
  };

  test("stops a program that forks all the time, and lets it go on", async () => {
    const { shell, pause } = await started("n=0; while :; do n=$(expr $n + 1); echo $n; (:) & done");
    try {
      for (let time = 0; time < 5; time += 1) {
        expect(await pause.begin()).toBeNull();
        let printed = 0;
        const count = (): void => void (printed += 1);
        await pauseFor(50); // What was printed before is read.
        shell.stdout!.on("data", count);
        await pauseFor(50);
        expect({ printed, broken: pause.broken() }).toEqual({ printed: 0, broken: null });
        pause.end();
        await eventually("it goes on", () => printed > 0);
        shell.stdout!.off("data", count);
      }
    } finally {
      await end(shell);
    }
  });

  test("PA2: leaves stopped what was stopped before, and PA4: tells when somebody else let it go on", async () => {
    const { shell, pause } = await started("sleep 60 & kill -STOP $!; echo $!; while :; do :; done");
    const sleeper = childrenOf(shell.pid!)[0] ?? 0;
    try {
      await eventually("it is stopped", () => areStopped(sleeper));
      expect(await pause.begin()).toBeNull();
      pause.end();
      expect({ sleeper: areStopped(sleeper), shell: areStopped(shell.pid!) }).toEqual({
        sleeper: true,
        shell: false,
      });
      expect(await pause.begin()).toBeNull();
      if (programGroup === null) process.kill(shell.pid!, "SIGCONT");
      else programGroup.thaw();
      await eventually("it is told", () => pause.broken() !== null);
      pause.end();
    } finally {
      await end(shell);
    }
  });

  test("can be ended by SIGKILL", async () => {
    const { shell, pause } = await started("echo; while :; do :; done");
    expect(await pause.begin()).toBeNull();
    await end(shell);
    expect(pause.broken()).toMatch(/ended it/);
    pause.end();
    expect(await pause.begin()).toBe("no process of it runs");
  });
});

function statOf(pid: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

function groupOf(pid: number): number {
  return Number(statOf(pid)[2]);
}

function isThere(pid: number): boolean {
  const [state = "Z"] = statOf(pid);
  return state !== "Z";
}

/** In sessions of their own, as a program is. */
function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => Number(statOf(pid)[1]) === parent);
}

/** By SIGSTOP, or in a control group that is frozen. */
function isPaused(pid: number): boolean {
  if (statOf(pid)[0] === "T") return true;
  try {
    return /^frozen 1$/m.test(readFileSync(join(controlGroupOf(pid), "cgroup.events"), "utf8"));
  } catch {
    return false;
  }
}

/** Folder of the control group (v2) that a process is in. */
function controlGroupOf(pid: number): string {
  const path = /^0::(\/.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
  const mount = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(readFileSync("/proc/self/mountinfo", "utf8"))?.[1] ?? "";
  return join(mount, path);
}
