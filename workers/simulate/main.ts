/**
 * `cairn simulate`: tries a task of a module or a programs file without a fleet. It runs undisturbed, then stopped
 * half-way and resumed, then killed after a checkpoint and resumed; and what comes out is compared.
 *
 * Arguments: the task, its input as JSON, and files in place of artifacts (`name=file`); none: only what there is is
 * checked and listed.
 *
 * SM1 Everything lies in a folder of its own, which is removed at the end, and nothing of it goes on running.
 * SM2 Exit code 0: it is in order, and the results are the same bits. 1: anything else.
 * SM3 What differs is not laid to the interruption before an undisturbed run was done twice: a date differs every time.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskInfo } from "../../src/contract/worker.ts";
import { inheritedEnvironment, loadConfig } from "../../src/runtime/config.ts";
import { removeFolder } from "../../src/runtime/remove-folder.ts";
import { childEnvironment, forkChild } from "../agent/children.ts";
import { describeTasks } from "../agent/describe-tasks.ts";
import { machineMs } from "../keeper/lease-touch.ts";
import { firstDifference } from "./first-difference.ts";
import { LocalArtifacts } from "./local-artifacts.ts";
import { type LocalAssignment, LocalJob } from "./local-job.ts";
import { differences, type Disturbance, runTrial, type Trial } from "./trial.ts";

/** Lines of a log that are shown of a run that failed; of others only those of Cairn's own. */
const LAST_LINES = 20;
const NOTES = 5;

const [taskName, input, ...files] = process.argv.slice(2);
const config = loadConfig();
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(folder: string): Promise<number> {
  const environment = childEnvironment(inheritedEnvironment());
  const { tasks, bundles, programs, passEnv, doubts } = await describeTasks(
    {
      modules: config.tasks,
      programs: config.programs,
      builtins: config.builtins,
      bundleFolder: join(folder, "bundles"),
    },
    environment,
  );
  for (const doubt of doubts) process.stderr.write(`warning: ${doubt}\n`);
  if (taskName === undefined) {
    for (const { name, class: kind, description } of tasks) {
      say(`${name.padEnd(20)} ${programs.includes(name) ? "program" : kind.padEnd(7)}  ${description}`);
    }
    return 0;
  }
  const task = tasks.find(({ name }) => name === taskName);
  if (task === undefined)
    throw new Error(`there is no task ${taskName}; known are ${tasks.map(({ name }) => name).join(", ")}`);
  if (task.class !== "batch")
    throw new Error(`${taskName} is an online task: only batch tasks have checkpoints to try`);
  const assignment = assignmentOf(task, input ?? "{}", bundles, programs.includes(taskName));
  const artifacts = await LocalArtifacts.from(files);
  const keeperEnvironment = childEnvironment(inheritedEnvironment(), passEnv);

  // One for all: what is drawn by `ctx.random()`, and a program's seed, come from it, as those of one job do.
  const id = `01h${randomBytes(12).toString("hex").slice(1)}`;
  const made = new Map<Trial, LocalJob>();
  let tellsProgress = false;
  /** @param tookMs how long it takes undisturbed: half-way is told by that when the task does not tell how far it is */
  const trial = async (disturbance: Disturbance, tookMs: number): Promise<Trial> => {
    let isHalfWay: () => void = () => undefined;
    const halfTold = new Promise<void>((resolve) => (isHalfWay = resolve));
    const halfWay = tellsProgress ? halfTold : sleep(tookMs / 2);
    const job = new LocalJob({
      id,
      folder: await mkdtemp(join(folder, `${disturbance}-`)),
      ...{ assignment, artifacts },
      forkKeeper: () => forkChild(new URL("../keeper/main.js", import.meta.url), keeperEnvironment),
      onProgress: ({ completed, total }) => {
        tellsProgress ||= total !== null;
        if (total !== null && completed * 2 >= total) isHalfWay();
      },
    });
    jobs.add(job);
    const nowMs = (): number => performance.now();
    const result = await runTrial(job, { disturbance, halfWay, graceMs: config.stopGraceMs, nowMs });
    made.set(result, job);
    tell(disturbance, result);
    const lines = (await job.log()).trimEnd().split("\n");
    const notes = lines.filter((line) => line.startsWith("[cairn]")).slice(-NOTES);
    for (const line of result.kind === "failed" ? lines.slice(-LAST_LINES) : notes) say(`    | ${line}`);
    return result;
  };

  const undisturbed = await trial("none", 0);
  if (undisturbed.kind === "failed") return 1;
  for (const { name, bytes, sha256 } of undisturbed.end.artifacts) say(`    ${name}  ${bytes} bytes  ${sha256}`);
  if (undisturbed.end.output.length < 500) say(`    output ${undisturbed.end.output}`);
  const stopped = await trial("stopped", undisturbed.tookMs);
  // Half of a time that the machine was busy in may be all of one in which it is not.
  const isTooLate = stopped.kind === "succeeded" && stopped.attempts === 1 && !tellsProgress;
  const stoppedInTime = isTooLate ? await trial("stopped", Math.min(stopped.tookMs, undisturbed.tookMs)) : stopped;
  const disturbed = [stoppedInTime, await trial("killed", 0)];
  await tellDifferences(undisturbed, disturbed, made);
  const different = differencesOf(undisturbed, disturbed);
  const control = different.length > 0 && allSucceeded(disturbed) ? [await trial("again", 0)] : []; // SM3
  return verdict(undisturbed, disturbed, control);
}

const jobs = new Set<LocalJob>();

function tell(disturbance: Disturbance, trial: Trial): void {
  const what = {
    none: "undisturbed",
    again: "undisturbed, again",
    stopped: "stopped half-way",
    killed: "killed after a checkpoint",
  }[disturbance];
  if (trial.kind === "failed") {
    say(`${what.padEnd(26)} FAILED: ${trial.why}`);
    return;
  }
  const { tookMs, checkpoints, resumedFrom, attempts } = trial;
  const from = resumedFrom === null ? "began anew: it had no checkpoint" : `resumed from checkpoint ${resumedFrom}`;
  const alone =
    disturbance === "none" || disturbance === "again" ? "ran through" : "ended before it could be disturbed";
  const how = attempts === 2 ? from : alone;
  say(`${what.padEnd(26)} ${(tookMs / 1000).toFixed(1)} s, ${checkpoints} checkpoints, ${how}`);
}

/** Of each artifact that differs, where. */
async function tellDifferences(
  undisturbed: Succeeded,
  disturbed: readonly Trial[],
  made: ReadonlyMap<Trial, LocalJob>,
): Promise<void> {
  const told = new Set<string>();
  const read = (trial: Trial, name: string): Promise<Buffer | null> =>
    (trial.kind === "succeeded" ? made.get(trial)?.artifactOf(trial.end, name) : null) ?? Promise.resolve(null);
  for (const trial of disturbed) {
    if (trial.kind === "failed") continue;
    for (const name of differences(undisturbed.end, trial.end)) {
      const [one, other] = told.has(name) ? [null, null] : [await read(undisturbed, name), await read(trial, name)];
      if (one === null || other === null) continue;
      told.add(name);
      say(`    ${name} differs: ${firstDifference(one, other)}`);
    }
  }
}

type Succeeded = Extract<Trial, { kind: "succeeded" }>;

const allSucceeded = (trials: readonly Trial[]): boolean => trials.every(({ kind }) => kind === "succeeded");

function differencesOf(undisturbed: Succeeded, others: readonly Trial[]): string[] {
  const done = others.flatMap((trial) => (trial.kind === "succeeded" ? [trial] : []));
  return [...new Set(done.flatMap(({ end }) => differences(undisturbed.end, end)))];
}

/** @param control undisturbed once more, where something differs */
function verdict(undisturbed: Succeeded, disturbed: readonly Trial[], control: readonly Trial[]): number {
  if (!allSucceeded(disturbed)) return 1;
  const different = differencesOf(undisturbed, disturbed);
  const always = new Set(differencesOf(undisturbed, control));
  const [anyway, byInterruption] = [true, false].map((is) => different.filter((name) => always.has(name) === is));
  if (byInterruption?.length !== 0) {
    say(
      `DIFFERENT: ${byInterruption?.join(", ")}: an interrupted run does not end with the same bits as an undisturbed one`,
    );
  }
  if (anyway?.length !== 0) {
    say(
      `DIFFERENT: ${anyway?.join(", ")}: and so it is between two undisturbed runs, so it tells nothing about the ` +
        "interruption: a date, a time that something took, threads, random numbers without a seed (`${seed}`), or " +
        "checkpoints that it is asked for in any run. Leave it out of `outputs`, have the program leave it out, or " +
        "compare it by what counts",
    );
  }
  const isTried = disturbed.some((trial) => trial.kind === "succeeded" && trial.resumedFrom !== null);
  if (!isTried) {
    const why =
      undisturbed.checkpoints === 0
        ? "it made no checkpoint (the lines of [cairn] above may say why); see to its `checkpoint`, or"
        : "nothing was resumed from a checkpoint;";
    say(`NOT TRIED: ${why} give it an input for which it runs longer`);
  }
  if (!isTried || different.length > 0) return 1;
  say("the same: interrupted or not, the results are the same bits");
  return 0;
}

function assignmentOf(task: TaskInfo, text: string, bundles: readonly string[], isProgram: boolean): LocalAssignment {
  const interval = task.interval ?? { everyMs: "auto", minMs: 1_000, maxMs: 600_000 };
  return {
    task: task.name,
    runs: isProgram ? "program" : "steps",
    nice: config.batchNice,
    checkpointVersion: task.checkpointVersion ?? 1,
    input: text,
    traceparent: null,
    array: null,
    effects: "none", // Nobody can take the lease away.
    confirmedMs: machineMs(),
    worker: "local",
    zone: "",
    intervalMs: interval.everyMs,
    minIntervalMs: interval.minMs,
    maxIntervalMs: interval.maxMs,
    checkpointCost: null,
    mtbfMs: null,
    timeoutMs: null,
    deadlineInMs: null,
    logBytes: config.limits.logBytesPerAttempt,
    outputBytes: config.limits.inlineBytes,
    storePatienceMs: config.storePatienceMs,
    taskModules: bundles,
    builtins: config.builtins,
    faults: "",
    logLevel: "fatal",
  };
}

const folder = await mkdtemp(join(tmpdir(), "cairn-simulate-"));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const job of jobs) job.kill(); // SM1
    // What was just ended may still write into it for a moment.
    void removeFolder(folder)
      .catch(() => removeFolder(folder))
      .finally(() => process.exit(130));
  });
}
const code = await main(folder).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
await removeFolder(folder); // SM1
process.exit(code);
