/**
 * What users write: the three kinds of task.
 *
 * A task is a plain object with a brand. The brand is `Symbol.for`, so that a user's module that was bundled
 * with its own copy of this file is still recognised by the replica or runner that loads it.
 *
 * T1 The class of a task (`online` or `batch`) is fixed by its definition.
 * T2 A definition is complete: every default is filled in here, once; nobody downstream guesses.
 * T3 A definition that cannot work is refused at once, with the field and the reason in the message.
 */
import type { z } from "zod";
import { NAME } from "../contract/json.ts";
import type { BatchContext, OnlineContext } from "./context.ts";
import type { ProgramTask } from "./program/define-program.ts";
import { type Backoff, type CheckpointPolicy, TASK_BRAND } from "./task-brand.ts";

export type { Backoff, CheckpointPolicy } from "./task-brand.ts";

/** A JSON value: what inputs and outputs are made of. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Returned by `step`: there is more to do. */
export const more: unique symbol = Symbol.for("cairn.more") as never;

/** Returned by `step`: the job is finished, with its output. */
export interface Done<Output> {
  readonly done: true;
  readonly output: Output;
}

/** Ends a batch job with `output` as its result. */
export function done<Output>(output: Output): Done<Output> {
  return { done: true, output };
}

export type StepResult<Output> = typeof more | Done<Output>;

/** Backoff between attempts of a batch job that failed by its own fault. */
export const BATCH_BACKOFF: Backoff = { initialMs: 1_000, factor: 2, maxMs: 60_000, jitter: 0.2 };

export interface OnlineTask<Input = unknown, Output = unknown> {
  readonly [TASK_BRAND]: "online";
  readonly class: "online";
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output> | null;
  /** May the task run twice for one request? Only then is it hedged, and repeated after a loss. */
  readonly idempotent: boolean;
  /** Default time a caller waits, ms. A caller may ask for less. */
  readonly deadlineMs: number;
  /** Calls at the same time in one replica. */
  readonly concurrency: number;
  run(input: Input, ctx: OnlineContext): Output | Promise<Output>;
}

export interface BatchTask<Input = unknown, State = unknown, Output = unknown> {
  readonly [TASK_BRAND]: "batch";
  readonly class: "batch";
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output> | null;
  readonly checkpoint: CheckpointPolicy;
  /** Does a step touch the world outside (so that computing on without a lease would do harm)? */
  readonly effects: "none" | "outside";
  /** How often the task itself may fail before the job does. Lost workers do not count. */
  readonly maxRetries: number;
  readonly backoff: Backoff;
  init(input: Input, ctx: BatchContext): State | Promise<State>;
  step(state: State, ctx: BatchContext): StepResult<Output> | Promise<StepResult<Output>>;
  save(state: State, directory: string, ctx: BatchContext): void | Promise<void>;
  load(directory: string, input: Input, ctx: BatchContext): State | Promise<State>;
}

/**
 * Any task, whatever it takes. Handlers are declared as methods above, because those may be given to a place that
 * knows only `unknown`; the schema in `input` is what makes sure of the argument, and it runs before every call.
 */
export type Task = OnlineTask | BatchTask | ProgramTask;

/** Is it a program, and not functions in TypeScript? */
export function isProgram(task: Task): task is ProgramTask {
  return "program" in task;
}

export interface OnlineOptions<Input, Output> {
  readonly name: string;
  readonly description?: string;
  readonly input: z.ZodType<Input>;
  readonly output?: z.ZodType<Output>;
  readonly idempotent?: boolean;
  readonly deadlineMs?: number;
  readonly concurrency?: number;
  readonly run: (input: Input, ctx: OnlineContext) => Output | Promise<Output>;
}

/**
 * Defines a task that answers a waiting caller.
 *
 * Defaults: `idempotent` false, `deadlineMs` 10 000 (at most 60 000), `concurrency` 16.
 *
 * @throws {TypeError} naming the field, when the definition cannot work (T3)
 */
export function defineOnline<Input, Output>(options: OnlineOptions<Input, Output>): OnlineTask<Input, Output> {
  const { name, deadlineMs = 10_000, concurrency = 16 } = options;
  checkName(name);
  check(
    name,
    "deadlineMs",
    deadlineMs,
    Number.isInteger(deadlineMs) && deadlineMs >= 1 && deadlineMs <= 60_000,
    "a whole number of milliseconds from 1 to 60 000",
  );
  check(
    name,
    "concurrency",
    concurrency,
    Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 1_000,
    "a whole number from 1 to 1000",
  );
  demandFunctions(name, { run: options.run });
  return {
    [TASK_BRAND]: "online",
    class: "online",
    name,
    description: options.description ?? "",
    input: options.input,
    output: options.output ?? null,
    idempotent: options.idempotent ?? false,
    deadlineMs,
    concurrency,
    run: options.run,
  };
}

/** What each part is for, told to whoever has left it out: in JavaScript nothing else says so before it is called. */
const PARTS: Readonly<Record<string, string>> = {
  run: "answers a request: (input, ctx) => output",
  init: "makes the state to begin with: (input, ctx) => state",
  step: "computes on for a while: (state, ctx) => more, or done(output)",
  save: "writes the state into a folder, which becomes a checkpoint: (state, directory, ctx) => void",
  load: "reads it back, on whatever worker: (directory, input, ctx) => state",
};

function demandFunctions(task: string, parts: Readonly<Record<string, unknown>>): void {
  for (const [part, value] of Object.entries(parts)) {
    if (typeof value === "function") continue;
    const is = value === undefined ? "is missing" : `is ${JSON.stringify(value)}`;
    throw new TypeError(`task "${task}": ${part} ${is}, but must be a function that ${PARTS[part] ?? "is called"}`);
  }
}

export interface BatchOptions<Input, State, Output> {
  readonly name: string;
  readonly description?: string;
  readonly input: z.ZodType<Input>;
  readonly output?: z.ZodType<Output>;
  readonly checkpoint: { readonly version: number } & Partial<Omit<CheckpointPolicy, "version">>;
  readonly effects?: "none" | "outside";
  readonly maxRetries?: number;
  readonly backoff?: Partial<Backoff>;
  readonly init: (input: Input, ctx: BatchContext) => State | Promise<State>;
  readonly step: (state: State, ctx: BatchContext) => StepResult<Output> | Promise<StepResult<Output>>;
  readonly save: (state: State, directory: string, ctx: BatchContext) => void | Promise<void>;
  readonly load: (directory: string, input: Input, ctx: BatchContext) => State | Promise<State>;
}

/**
 * Defines a long computation that is checkpointed and can continue on any worker.
 *
 * Defaults: checkpoints at `"auto"` intervals of 1 s to 10 min, the newest 2 kept, none of the
 * final state; `effects` none; `maxRetries` 3.
 *
 * @throws {TypeError} naming the field, when the definition cannot work (T3)
 */
export function defineBatch<Input, State, Output>(
  options: BatchOptions<Input, State, Output>,
): BatchTask<Input, State, Output> {
  const { name, maxRetries = 3 } = options;
  checkName(name);
  const checkpoint: CheckpointPolicy = {
    intervalMs: "auto",
    minMs: 1_000,
    maxMs: 600_000,
    keep: 2,
    finalState: "dropped",
    ...options.checkpoint,
  };
  check(
    name,
    "checkpoint.version",
    checkpoint.version,
    Number.isInteger(checkpoint.version) && checkpoint.version >= 1,
    "a whole number from 1 on",
  );
  check(
    name,
    "checkpoint.keep",
    checkpoint.keep,
    Number.isInteger(checkpoint.keep) && checkpoint.keep >= 2,
    "a whole number from 2 on: the last one may turn out to be damaged",
  );
  check(
    name,
    "checkpoint.minMs",
    checkpoint.minMs,
    checkpoint.minMs >= 0 && checkpoint.minMs <= checkpoint.maxMs,
    "between 0 and checkpoint.maxMs",
  );
  check(name, "maxRetries", maxRetries, Number.isInteger(maxRetries) && maxRetries >= 0, "a whole number from 0 on");
  const { init, step, save, load } = options;
  demandFunctions(name, { init, step, save, load });
  return {
    [TASK_BRAND]: "batch",
    class: "batch",
    name,
    description: options.description ?? "",
    input: options.input,
    output: options.output ?? null,
    checkpoint,
    effects: options.effects ?? "none",
    maxRetries,
    backoff: { ...BATCH_BACKOFF, ...options.backoff },
    init: options.init,
    step: options.step,
    save: options.save,
    load: options.load,
  };
}

/** Is this value a task, whichever copy of this module made it? */
export function isTask(value: unknown): value is Task {
  return typeof value === "object" && value !== null && TASK_BRAND in value;
}

function checkName(name: string): void {
  check(name, "name", name, NAME.test(name), "1 to 63 lower-case letters, digits and hyphens, beginning with a letter");
}

function check(task: string, field: string, value: unknown, holds: boolean, expected: string): void {
  if (!holds) throw new TypeError(`task "${task}": ${field} is ${JSON.stringify(value)}, but must be ${expected}`);
}
