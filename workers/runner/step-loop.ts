/**
 * Runs a batch task: step by step, taking the keeper's orders in between.
 *
 * SL1 The event loop gets its turn at least every 8 ms of short steps; a long step is the task's own affair.
 * SL2 State is saved between two steps, never during one; while it is saved the task stands still.
 * SL3 After a save with `hold` no step follows: what was saved is the state that the job continues from elsewhere.
 * SL4 When the task is done no step follows either, also after a save that was ordered before its keeper knew.
 */
import { setImmediate as turn } from "node:timers/promises";
import { whyNotSaved } from "./disk-trouble.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { type BatchTask, type Done, more } from "../../src/tasks/define.ts";
import { NotRetryable } from "../../src/tasks/outcome.ts";
import type { RunnerContext } from "./batch-context.ts";
import { saveFrameworkState } from "./framework-state.ts";
import type { JobRandom } from "./job-random.ts";
import type { KeeperLink } from "./keeper-link.ts";
import type { ToRunner } from "./protocol.ts";

const TURN_EVERY_MS = 8;

export type SaveOrder = Extract<ToRunner, { kind: "save" }>;

export interface StepLoopOptions {
  readonly task: BatchTask;
  readonly state: unknown;
  readonly ctx: RunnerContext;
  readonly random: JobRandom;
  readonly link: KeeperLink;
  readonly clock: Clock;
}

export class StepLoop {
  readonly #options: StepLoopOptions;
  #orders: SaveOrder[] = [];
  #wake: (() => void) | null = null;
  #holding = false;
  /** SL4 */
  #done = false;

  constructor(options: StepLoopOptions) {
    this.#options = options;
  }

  /** Carried out after the step under way. */
  order(save: SaveOrder): void {
    this.#orders.push(save);
    this.#wake?.();
  }

  /** Runs the task to its end. @returns its output @throws what the task throws */
  async run(): Promise<unknown> {
    const { task, state, ctx, clock } = this.#options;
    let turnedMs = clock.monotonicMs();
    for (;;) {
      const stepped = task.step(state, ctx);
      const result: unknown = isThenable(stepped) ? await stepped : stepped;
      if (isDone(result)) return result.output;
      if (result !== more)
        throw new NotRetryable(`step returned ${describe(result)}; it must return more or done(output)`);
      if (clock.monotonicMs() - turnedMs >= TURN_EVERY_MS) {
        ctx.sendDueProgress();
        await turn(); // SL1
        turnedMs = clock.monotonicMs();
      }
      if (this.#orders.length > 0) {
        await this.#carryOut();
        turnedMs = clock.monotonicMs();
      }
    }
  }

  /** The task is done: no step follows (SL4), but its final state can be saved. Does not return. */
  async hold(): Promise<never> {
    this.#done = true;
    this.#holding = true;
    for (;;) await this.#carryOut();
  }

  async #carryOut(): Promise<void> {
    do {
      for (const order of this.#orders.splice(0)) await this.#save(order);
      if (this.#holding) {
        await new Promise<void>((resolve) => (this.#wake = resolve)); // SL3
        this.#wake = null;
      }
    } while (this.#orders.length > 0 || this.#holding);
  }

  async #save({ id, folder, then }: SaveOrder): Promise<void> {
    const { task, state, ctx, random, link, clock } = this.#options;
    const begin = clock.monotonicMs();
    this.#holding = then === "hold" || this.#done;
    try {
      await task.save(state, folder, ctx); // SL2
      await saveFrameworkState(folder, { random: [...random.state], progress: ctx.lastProgress });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      link.say({ kind: "save_failed", id, why: whyNotSaved(error), message });
      return;
    }
    ctx.sendProgress();
    link.say({
      kind: "saved",
      id,
      blockedMs: clock.monotonicMs() - begin,
      progress: ctx.lastProgress,
      artifacts: ctx.takeArtifacts(),
      atRest: [],
    });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function isDone(value: unknown): value is Done<unknown> {
  return typeof value === "object" && value !== null && "done" in value && value.done === true;
}

function describe(value: unknown): string {
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
