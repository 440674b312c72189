/**
 * Runs one attempt in a replica: from the entry to the answer.
 *
 * G1 Nothing starts after the deadline, by Redis's clock: it is answered `not_started`.
 * G2 Input and output are parsed with the task's own schemas: what the API has checked may have been another version.
 * G3 `finish` is called exactly once for each attempt that `begin` took; a handler that returns without waiting costs
 *    no promise.
 */
import { z } from "zod";
import type { OnlineTask } from "../tasks/define.ts";
import { classifyFault } from "../tasks/outcome.ts";
import { RunContext, type ContextServices } from "./run-context.ts";
import { WheelTimer } from "./timer-wheel.ts";
import { GAVE_UP_AT_DEADLINE, type AnswerStatus, type TaskEntry } from "./wire.ts";

/** Characters of a task's own message that travel. */
const MAX_MESSAGE = 4_096;

export interface ServedTask {
  readonly task: OnlineTask;
  /** Hash of what the task's definition promises. */
  readonly definition: string;
}

export interface RunResult {
  readonly status: AnswerStatus;
  /** Raw JSON, or a message. */
  readonly body: string;
  readonly retryAfterMs: number;
}

export class DeadlinePassed extends Error {
  override readonly name = "DeadlinePassed";
}
export class NoLongerWanted extends Error {
  override readonly name = "NoLongerWanted";
}

export interface RunServices extends ContextServices {
  readonly monotonicMs: () => number;
  /** Longest output, in characters of JSON. */
  readonly maxOutput: number;
  readonly finish: (run: AttemptRun, result: RunResult) => void;
}

export class AttemptRun extends WheelTimer {
  readonly entry: TaskEntry;
  /** `<id> <attempt>` */
  readonly key: string;
  /** When the replica got it, monotonic. */
  readonly poppedAtMs: number;
  startedAtMs: number | null = null;
  endedAtMs: number | null = null;
  /** Has the caller been told that it is here? */
  announced = false;
  readonly #served: ServedTask;
  readonly #services: RunServices;
  #context: RunContext | null = null;
  #cancelled = false;
  #expired = false;

  constructor(served: ServedTask, entry: TaskEntry, services: RunServices) {
    super();
    this.#served = served;
    this.entry = entry;
    this.key = `${entry.id} ${entry.attempt}`;
    this.#services = services;
    this.poppedAtMs = services.monotonicMs();
  }

  get ended(): boolean {
    return this.endedAtMs !== null;
  }

  /** Time in the handler so far, µs. */
  get runUs(): number {
    if (this.startedAtMs === null) return 0;
    return Math.round(((this.endedAtMs ?? this.#services.monotonicMs()) - this.startedAtMs) * 1_000);
  }

  /** Is it too late to start (G1)? */
  get late(): boolean {
    return this.#services.redisNowMs() >= this.entry.expiresAtMs;
  }

  /** Nobody waits any more. What has not started will not. */
  cancel(): void {
    this.#cancelled = true;
    this.#context?.abort(new NoLongerWanted("the caller has its answer, or has gone"));
  }

  /** The deadline has passed. */
  override fire(): void {
    this.#expired = true;
    this.#context?.abort(new DeadlinePassed("the deadline of the request has passed"));
  }

  begin(): void {
    const { task } = this.#served;
    this.startedAtMs = this.#services.monotonicMs();
    if (this.#cancelled || this.late) {
      this.#end({ status: "not_started", body: "", retryAfterMs: 0 });
      return;
    }
    const input = parseInput(task, this.entry.input);
    if (!input.success) {
      this.#end({ status: "refused", body: input.message, retryAfterMs: 0 });
      return;
    }
    const context = new RunContext(task.name, this.entry, this.#services);
    this.#context = context;
    let output: unknown;
    try {
      output = task.run(input.data, context);
    } catch (error) {
      this.#end(faultOf(error));
      return;
    }
    if (!isThenable(output))
      this.#end(this.#resultOf(output)); // G3
    else {
      Promise.resolve(output).then(
        (value) => this.#end(this.#resultOf(value)),
        (error: unknown) => this.#end(this.#expired ? GAVE_UP : faultOf(error)),
      );
    }
  }

  #end(result: RunResult): void {
    this.endedAtMs = this.#services.monotonicMs();
    this.#services.finish(this, result);
  }

  #resultOf(value: unknown): RunResult {
    const { task } = this.#served;
    const broken = (body: string): RunResult => ({ status: "invalid_output", body, retryAfterMs: 0 });
    let output = value;
    try {
      if (task.output !== null) {
        const parsed = task.output.safeParse(value);
        if (!parsed.success) return broken(`the output does not fit the schema: ${z.prettifyError(parsed.error)}`);
        output = parsed.data;
      }
      const text = JSON.stringify(output ?? null) as string | undefined;
      if (text === undefined) return broken("the output is not JSON");
      if (text.length > this.#services.maxOutput) {
        return broken(`the output has ${text.length} characters, more than ${this.#services.maxOutput}`);
      }
      return { status: "ok", body: text, retryAfterMs: 0 };
    } catch (error) {
      return broken(`the output is not JSON: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** Its clock may be a little ahead of the caller's: what it says at the deadline must not look like a failure. */
const GAVE_UP: RunResult = { status: "error", body: GAVE_UP_AT_DEADLINE, retryAfterMs: 0 };

type ParsedInput =
  { readonly success: true; readonly data: unknown } | { readonly success: false; readonly message: string };

/** G2 */
function parseInput(task: OnlineTask, text: string): ParsedInput {
  try {
    const parsed = task.input.safeParse(JSON.parse(text));
    if (parsed.success) return { success: true, data: parsed.data };
    return { success: false, message: `the input does not fit the schema: ${z.prettifyError(parsed.error)}` };
  } catch (error) {
    return { success: false, message: `the input cannot be read: ${error instanceof Error ? error.message : "?"}` };
  }
}

function faultOf(thrown: unknown): RunResult {
  const fault = classifyFault(thrown);
  const retryAfterMs = "ms" in fault ? Math.round(fault.ms) : 0;
  return {
    status: fault.kind === "retryable" ? "error" : fault.kind,
    body: fault.message.slice(0, MAX_MESSAGE),
    retryAfterMs,
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
