/**
 * The runner: the process in which a batch task computes. Forked by its keeper as the leader of a process group.
 *
 * RN1 It ends with its keeper: by the channel when its event loop turns, by the watchdog thread when it does not.
 * RN2 What the task throws is the task's failure and is said to the keeper, from wherever it is thrown. Dying without
 *     a word is the machine's.
 */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { z } from "zod";
import { diskTrouble } from "./disk-trouble.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type BatchTask, isProgram } from "../../src/tasks/define.ts";
import { loadTasks } from "../../src/tasks/load-tasks.ts";
import { classifyFault, InputRefused, NotRetryable } from "../../src/tasks/outcome.ts";
import { RunnerContext } from "./batch-context.ts";
import { loadFrameworkState } from "./framework-state.ts";
import { JobRandom } from "./job-random.ts";
import { KeeperLink } from "./keeper-link.ts";
import type { FromRunner, RunnerAssignment, RunnerFault, ToRunner } from "./protocol.ts";
import { type SaveOrder, StepLoop } from "./step-loop.ts";

/** Time for what listens to `ctx.signal` to clean up; the keeper's SIGKILL comes a little later. */
const END_MS = 100;

/** Not `process.ppid`: the keeper may be gone before that is asked. */
const keeperPid = Number(process.argv[2]);

/** What the keeper is told of an error that ended the task. */
function endOf(thrown: unknown): FromRunner {
  if (thrown instanceof UnfitWorker) return { kind: "unfit", message: thrown.message };
  const trouble = diskTrouble(thrown);
  if (trouble !== null && thrown instanceof Error) return { kind: "no_room", why: trouble, message: thrown.message };
  return { kind: "failed", ...faultOf(thrown) };
}

class UnfitWorker extends Error {}

class Runner {
  readonly #link: KeeperLink;
  #ctx: RunnerContext | null = null;
  #loop: StepLoop | null = null;
  /** Orders that came before the first step. */
  #early: SaveOrder[] = [];

  constructor() {
    this.#link = new KeeperLink(
      (order) => this.#take(order),
      () => process.kill(process.pid, "SIGKILL"), // RN1: the rest of the group is the keeper's and the watchdog's
    );
    process.on("uncaughtException", (error) => void this.#fail(error)); // RN2; rejections come here too
  }

  #take(order: Exclude<ToRunner, { kind: "latest" | "file" | "trouble" }>): void {
    switch (order.kind) {
      case "start":
        void this.#run(order.assignment).catch((error: unknown) => this.#fail(error));
        return;
      case "save":
        if (this.#loop === null) this.#early.push(order);
        else this.#loop.order(order);
        return;
      case "not_stored":
        return; // The state is at hand at any time: the next checkpoint is a newer one.
      case "end":
        void this.#end();
        return;
    }
  }

  async #run(assignment: RunnerAssignment): Promise<void> {
    const watchdog = new Worker(new URL("watchdog.js", import.meta.url), { workerData: keeperPid });
    watchdog.unref();
    await once(watchdog, "online"); // Before any code of the user runs (RN1).

    const task = await findTask(assignment);
    const input = parseInput(task, assignment.input);
    const saved = assignment.restored === null ? null : await loadFrameworkState(assignment.restored);
    const random = saved === null ? JobRandom.ofJob(assignment.job) : new JobRandom(saved.random);
    const link = this.#link;
    const ctx = new RunnerContext({
      assignment,
      link,
      clock: systemClock,
      random,
      progress: saved?.progress ?? null,
    });
    this.#ctx = ctx;
    const state: unknown =
      assignment.restored === null ? await task.init(input, ctx) : await task.load(assignment.restored, input, ctx);
    ctx.sendProgress();
    link.say({ kind: "ready" });

    const loop = new StepLoop({ task, state, ctx, random, link, clock: systemClock });
    this.#loop = loop;
    for (const order of this.#early.splice(0)) loop.order(order);
    const output = serialize(task, await loop.run(), assignment.outputBytes);
    ctx.sendProgress();
    const end = { kind: "done", output, progress: ctx.lastProgress, artifacts: ctx.takeArtifacts() } as const;
    if (task.checkpoint.finalState === "kept") {
      link.say({ ...end, state: "held" });
      await loop.hold(); // Until the keeper ends this process.
    }
    await link.sayLast({ ...end, state: "gone" });
    process.exit(0);
  }

  async #fail(thrown: unknown): Promise<void> {
    // The trace goes into the job's log; the message becomes the job's error.
    process.stderr.write(`${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`);
    this.#ctx?.sendProgress();
    await this.#link.sayLast(endOf(thrown));
    process.exit(1);
  }

  async #end(): Promise<void> {
    this.#ctx?.end();
    await pause(END_MS);
    process.exit(0);
  }
}

async function findTask(assignment: RunnerAssignment): Promise<BatchTask> {
  const tasks = await loadTasks({ builtins: assignment.builtins, modules: assignment.taskModules });
  const task = tasks.get(assignment.task);
  if (task?.class !== "batch" || isProgram(task))
    throw new UnfitWorker(`there is no batch task "${assignment.task}" here`);
  if (task.checkpoint.version !== assignment.checkpointVersion) {
    throw new UnfitWorker(
      `task "${task.name}" is here at checkpoint version ${task.checkpoint.version}, not ${assignment.checkpointVersion}`,
    );
  }
  return task;
}

function parseInput(task: BatchTask, text: string): unknown {
  const parsed = task.input.safeParse(JSON.parse(text));
  if (!parsed.success) throw new InputRefused(z.prettifyError(parsed.error));
  return parsed.data;
}

function serialize(task: BatchTask, output: unknown, limit: number): string {
  let value = output;
  if (task.output !== null) {
    const parsed = task.output.safeParse(output);
    if (!parsed.success) throw new NotRetryable(`the output does not fit its schema: ${z.prettifyError(parsed.error)}`);
    value = parsed.data;
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new NotRetryable("the output is not JSON", { cause: error });
  }
  text ??= "null"; // `undefined`: a task without an output.
  const bytes = Buffer.byteLength(text);
  if (bytes > limit) {
    throw new NotRetryable(`the output has ${bytes} bytes, more than ${limit}; hand it out with ctx.artifact`);
  }
  return text;
}

function faultOf(thrown: unknown): RunnerFault {
  const { kind, message, ...rest } = classifyFault(thrown);
  switch (kind) {
    case "refused":
    case "not_retryable":
      return { fault: kind, message, retryAfterMs: null };
    case "retry_after":
      return { fault: "error", message, retryAfterMs: "ms" in rest ? rest.ms : 0 };
    case "overloaded": // Without a time of its own it waits as long as any other error.
      return { fault: "error", message, retryAfterMs: "ms" in rest && rest.ms > 0 ? rest.ms : null };
    case "retryable":
      return { fault: "error", message, retryAfterMs: null };
  }
}

new Runner();
