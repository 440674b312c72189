/**
 * Drives one program through one attempt: prepares its folder, starts it (again), asks for checkpoints, decides what its
 * end means. To the keeper it is a runner like that of a task in TypeScript (`runner/protocol.ts`).
 *
 * DR1 When the attempt's program is not to go on, all of its processes are ended first: what is read then holds still.
 * DR2 Once told to hold, the program is not started again (`SL3`).
 */
import { join } from "node:path";
import { whyNotSaved } from "../runner/disk-trouble.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { asksForMore } from "../../src/tasks/program/definition.ts";
import { expandCommand, type StartKind } from "../../src/tasks/program/expand.ts";
import type { KeeperLink } from "../runner/keeper-link.ts";
import type { FromRunner, RunnerAssignment, ToRunner } from "../runner/protocol.ts";
import type { Answered } from "./answered.ts";
import { tailOf, whatIsMissing } from "./completion.ts";
import { launched } from "./environment.ts";
import { type ExitMeaning, meaningOf } from "./exit-meaning.ts";
import { harvest } from "./harvest.ts";
import type { Overrun } from "./limit-watch.ts";
import { remarkOnWhatRunsOn } from "./left-running.ts";
import { OutputBlocks } from "./output-blocks.ts";
import { type Exit, ProcessRun, type ProcessRunOptions } from "./process-run.ts";
import { ProcessTree } from "./process-tree.ts";
import { failure, faultOf, note } from "./program-fault.ts";
import { commandOf } from "./resolve.ts";
import { StandStill } from "./stand-still.ts";
import { prepareWorkshop, type Workshop } from "./workshop.ts";

/** How often limits and progress are looked at. */
const LOOK_MS = 200;
/** How long is waited for a look at a background program's processes, ms. */
const BACKGROUND_LOOK_MS = 100;
const EMPTY_LOOKS = 4;
/** How often it is looked whether a checkpoint is complete, as a part of the rest it needs. */
const RESTS_PER_LOOK = 4;
const FASTEST_LOOK_MS = 25;
/** Time between SIGTERM and SIGKILL when the work is no longer wanted. */
const CLEAN_UP_MS = 150;
/** A program that asks for its restart so often without a new checkpoint never gets anywhere. */
const FRUITLESS = 5;
const FRUITLESS_PAUSE_MS = 500;
const NOT_READY = "the program has not shown yet that it can be asked (`checkpoint.ready`)";

export type SaveOrder = Extract<ToRunner, { kind: "save" }>;

export interface DriverOptions {
  readonly assignment: RunnerAssignment;
  readonly link: KeeperLink;
  readonly clock: Clock;
  /** Process id of the guard, which is not the program's; null: there is none. */
  readonly guard: number | null;
}

export class Driver {
  readonly #options: DriverOptions;
  readonly #folder = process.cwd();
  readonly #tree: ProcessTree;
  readonly #standStill: StandStill;
  #blocks: OutputBlocks | null = null;
  #workshop: Workshop | null = null;
  #run: ProcessRun | null = null;
  #overrun: Overrun | null = null;
  #lost: string | null = null;
  #holding = false;
  #held = false;
  #ending = false;
  #nextLookMs = 0;
  #toldProgress = "";

  constructor(options: DriverOptions) {
    this.#options = options;
    const { mark, cgroup } = options.assignment;
    this.#tree = new ProcessTree({ mark, cgroup, guard: options.guard });
    this.#standStill = new StandStill(options.clock);
  }

  /** Runs the program to its end. @returns the last word to the keeper */
  async run(): Promise<FromRunner> {
    const over = new AbortController();
    try {
      const { assignment, link, clock } = this.#options;
      const workshop = await prepareWorkshop({ assignment, link, clock, folder: this.#folder, tree: this.#tree });
      this.#workshop = workshop;
      void this.#lookUntil(over.signal);
      this.#tellProgress();
      link.say({ kind: "ready" });
      return await this.#loop(workshop, assignment.restored === null ? "start" : "resume");
    } catch (error) {
      return faultOf(error);
    } finally {
      over.abort();
      await this.#tree.kill();
    }
  }

  /** Order: a checkpoint. */
  async save({ id, folder, then }: SaveOrder): Promise<void> {
    const { link } = this.#options;
    if (then === "hold") this.#holding = true; // DR2
    try {
      const failed = await (then === "hold" ? this.#hold() : this.#obtain());
      if (failed !== null) {
        const { kind, why: message } = failed;
        link.say(kind === "not_saved" ? { kind, id, message } : { kind, id, why: "task", message });
        return;
      }
      const maker = this.#workshop?.maker;
      if (!maker) throw new Error("there is no checkpoint");
      const handed = await maker.handOver(folder);
      this.#workshop?.unkept?.tell();
      link.say({ kind: "saved", id, artifacts: [], ...handed });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      link.say({ kind: "save_failed", id, why: whyNotSaved(error), message });
    }
  }

  /** What was saved last could not be stored. */
  notStored(): void {
    if (!this.#holding) this.#workshop?.maker?.takeBack();
  }

  /** Order: no longer wanted. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#tree.signal("SIGTERM");
    const { clock } = this.#options;
    const begin = clock.monotonicMs();
    while (this.#tree.look().length > 0 && clock.monotonicMs() - begin < CLEAN_UP_MS) await clock.sleep(10);
    await this.#tree.kill();
  }

  async #loop(workshop: Workshop, first: StartKind): Promise<FromRunner> {
    const { maker, reader } = workshop;
    let fruitless = 0;
    for (let from: StartKind = first; ; from = "resume") {
      const exit = await this.#runOnce(workshop, from);
      const remark = remarkOnWhatRunsOn(exit, workshop.resolved.definition, this.#tree);
      if (remark !== null) note(remark);
      await this.#tree.kill(); // DR1
      if (this.#overrun !== null) return failure(this.#overrun.fault, this.#overrun.message);
      if (this.#lost !== null) return { kind: "lost", message: this.#lost };
      if (this.#held || this.#ending) return await new Promise(() => undefined); // The keeper ends us.
      const meaning = await this.#meaning(workshop, exit);
      this.#tellProgress();
      if (meaning.kind === "done") this.#tellDoubt(workshop);
      const unanswered = meaning.kind === "checkpointed" ? null : (maker?.unanswered ?? null);
      if (unanswered !== null) note(unanswered);
      if (this.#holding && (meaning.kind === "failed" || meaning.kind === "lost")) {
        // It is over anyway, and goes on from the last checkpoint that is stored.
        note(`the program ${meaning.why} when it was to make its last checkpoint`);
        this.#held = true;
        maker?.giveUp(meaning.why);
        return await new Promise(() => undefined);
      }
      if (meaning.kind !== "checkpointed") workshop.matches?.ended();
      switch (meaning.kind) {
        case "done":
          return await this.#finish(workshop, exit);
        case "lost":
          return { kind: "lost", message: `the program ${meaning.why}` };
        case "failed": {
          const words = reader.lastWords === "" ? "" : `; it said last: ${reader.lastWords}`;
          return failure(meaning.fault, `the program ${meaning.why}${words}`);
        }
        case "checkpointed":
          break;
      }
      if (maker === null) return failure("error", "the program exited with a checkpoint, but none is declared");
      fruitless = maker.circumstances.hasNews === "no" ? fruitless + 1 : 0;
      if (fruitless >= FRUITLESS) {
        return failure(
          "error",
          `the program asked ${FRUITLESS} times in a row to be started again, with no new checkpoint`,
        );
      }
      const wrong = await maker.freezeExited(this.#holding ? "ends" : "starts_again");
      if (wrong !== null) return failure("error", `the program exited with a checkpoint, but ${wrong}`);
      if (this.#holding) return await new Promise(() => undefined); // DR2
      if (fruitless > 0) await this.#options.clock.sleep(FRUITLESS_PAUSE_MS * fruitless);
    }
  }

  async #runOnce({ resolved, user, renew, reader, maker, group }: Workshop, from: StartKind): Promise<Exit> {
    const { definition } = resolved;
    const environment = await renew(from);
    const { cgroup } = this.#options.assignment;
    const command = commandOf(resolved, from);
    const launch = await launched(command, environment, { cpus: definition.limits.cpus, cgroup });
    const { trigger, stop } = definition.checkpoint ?? {};
    const speaks = trigger?.stdin !== undefined || stop?.stdin !== undefined;
    reader.begin();
    maker?.started();
    const blocks = (this.#blocks ??= new OutputBlocks(definition));
    const options: ProcessRunOptions = {
      nice: this.#options.assignment.nice,
      command: launch,
      folder: this.#folder,
      user,
      environment,
      background: definition.background ? () => this.#nothingRuns() : null,
      stdin:
        definition.stdin === undefined
          ? speaks
            ? "written"
            : "nothing"
          : { file: join(this.#folder, definition.stdin) },
      stdout: definition.stdout === undefined ? null : join(this.#folder, definition.stdout),
      onLine: (line) => {
        maker?.line(line);
        reader.line(line);
      },
      onPiece: (bytes) => {
        const remark = blocks.look(bytes);
        if (remark !== null) note(remark);
      },
    };
    const run = group === null ? new ProcessRun(options) : group.startInside(() => new ProcessRun(options));
    this.#run = run;
    const exit = await run.ended;
    this.#run = null;
    return exit;
  }

  async #meaning(workshop: Workshop, exit: Exit): Promise<ExitMeaning> {
    const { resolved, reader, maker } = workshop;
    // A command is only asked about what may be done.
    const mayBeDone = resolved.definition.exitCodes.done.includes(exit.signal ?? exit.code ?? -1);
    const incomplete =
      whatIsMissing(resolved, this.#folder, (at) => reader.isMet(at)) ??
      (mayBeDone ? await this.#checkCommand(workshop) : null);
    const { bySignal, hasNews, ...how } = maker?.circumstances ?? { asked: "no", bySignal: null, hasNews: "no" };
    const asked = how.asked === "to_exit" && this.#holding ? "to_end" : how.asked;
    const { complete, exitCodes } = resolved.definition;
    const doneBy = asksForMore(complete) ? "complete" : "code";
    return meaningOf(exit, exitCodes, { incomplete, doneBy, asked, bySignal, hasNews });
  }

  /** It was asked for a checkpoint, wrote one and exited, as after its last step: `complete` alone tells which it was. */
  #tellDoubt({ maker }: Workshop): void {
    if (maker?.hasAnsweredByExit !== true) return;
    note(
      "when it was asked for a checkpoint the program wrote one and exited, and all that `complete` asks for is so: it is " +
        "taken for finished. If it was not, let `complete` ask for what is only there after the last step",
    );
  }

  /** `complete.command` */
  async #checkCommand({ resolved, user, environment }: Workshop): Promise<string | null> {
    const { command, timeoutMs } = resolved.definition.complete;
    if (command === undefined) return null;
    const { scope, definition } = resolved;
    const run = new ProcessRun({
      nice: this.#options.assignment.nice,
      command: expandCommand(command, scope, "complete.command", definition.dashes),
      folder: this.#folder,
      user,
      environment,
      stdin: "nothing",
      stdout: null,
      onLine: () => undefined,
    });
    const exit = await Promise.race([run.ended, this.#options.clock.sleep(timeoutMs)]);
    await this.#tree.kill();
    if (exit === undefined) return `complete.command did not end within ${timeoutMs} ms`;
    return exit.code === 0 ? null : `complete.command ended with ${exit.signal ?? `code ${exit.code}`}`;
  }

  async #finish({ resolved, reader }: Workshop, exit: Exit): Promise<FromRunner> {
    const { outputBytes } = this.#options.assignment;
    const end = { exitCode: exit.code, result: reader.result, outputBytes };
    const harvested = await harvest(resolved, this.#folder, end);
    if (harvested.kind === "failed") return failure("error", harvested.why);
    return {
      kind: "done",
      output: harvested.output,
      progress: reader.progress,
      artifacts: harvested.artifacts,
      state: "gone",
    };
  }

  /** A checkpoint while the program goes on. @returns null when one lies on the shelf */
  async #obtain(): Promise<{ readonly kind: "not_saved" | "save_failed"; readonly why: string } | null> {
    const maker = this.#workshop?.maker ?? null;
    const trigger = this.#workshop?.resolved.definition.checkpoint?.trigger;
    if (this.#workshop === null) return { kind: "not_saved", why: "the program is not started yet" };
    if (maker === null) return { kind: "not_saved", why: "the program makes no checkpoints" };
    if (maker.isFresh && !maker.takesAsItLies) return null;
    if (trigger === undefined && !maker.takesAsItLies)
      return { kind: "not_saved", why: "the program makes them by itself, and no new one is there" };
    if (!maker.isReady) return { kind: "not_saved", why: NOT_READY };
    return saidOf(trigger === undefined ? await maker.take("go_on") : await maker.ask(trigger));
  }

  /** The last checkpoint; then the program is ended. */
  async #hold(): Promise<{ readonly kind: "not_saved" | "save_failed"; readonly why: string } | null> {
    const maker = this.#workshop?.maker ?? null;
    const { trigger, stop } = this.#workshop?.resolved.definition.checkpoint ?? {};
    const way = stop ?? trigger;
    if (maker !== null && !this.#held) {
      if (way !== undefined && this.#run !== null) {
        if (!maker.isReady) return await this.#endAsItIs(NOT_READY);
        const answered = await maker.ask(way);
        if (answered.kind === "failed")
          return { kind: this.#isHeld() ? "not_saved" : "save_failed", why: answered.why };
      } else if (maker.takesAsItLies && this.#run !== null) {
        if (!maker.isReady) return await this.#endAsItIs(NOT_READY);
        const answered = await maker.take("hold");
        if (answered.kind === "nothing") return await this.#endAsItIs(answered.why);
        if (answered.kind === "failed")
          return { kind: this.#isHeld() ? "not_saved" : "save_failed", why: answered.why };
      } else if (!maker.isFresh) {
        const answered = await maker.next();
        if (answered.kind !== "frozen") return { kind: "not_saved", why: answered.why };
      }
    }
    this.#held = true;
    await this.#tree.kill();
    if (maker === null) return { kind: "not_saved", why: "the program makes no checkpoints" };
    return maker.isEmpty ? { kind: "not_saved", why: "the program made none" } : null;
  }

  /** It is ended without a last checkpoint. */
  async #endAsItIs(why: string): Promise<{ readonly kind: "not_saved"; readonly why: string }> {
    this.#held = true;
    await this.#tree.kill();
    return { kind: "not_saved", why };
  }

  #isHeld(): boolean {
    return this.#held;
  }

  /** Several looks in a row: one may fall between the end of a parent and the sight of its child. */
  async #nothingRuns(): Promise<void> {
    for (let empty = 0; empty < EMPTY_LOOKS;) {
      empty = this.#tree.look().length === 0 ? empty + 1 : 0;
      await this.#options.clock.sleep(BACKGROUND_LOOK_MS);
    }
  }

  /** As often as what is looked at may change. */
  async #lookUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const restMs = this.#workshop?.maker?.restMs ?? LOOK_MS * RESTS_PER_LOOK;
      const pauseMs = Math.min(Math.max(restMs / RESTS_PER_LOOK, FASTEST_LOOK_MS), LOOK_MS);
      await this.#options.clock.sleep(pauseMs, signal);
      await this.#tick(pauseMs);
    }
  }

  async #tick(dueMs: number): Promise<void> {
    const workshop = this.#workshop;
    if (workshop === null || this.#run === null) return;
    try {
      if (await this.#isOver(workshop)) return;
      await workshop.maker?.look(this.#run, dueMs);
    } catch (error) {
      note(error instanceof Error ? error.message : String(error));
    }
  }

  /** Looks at progress and limits, now and then; ends the program when it may not go on. */
  async #isOver({ reader, resolved, limits, matches, maker }: Workshop): Promise<boolean> {
    const now = this.#options.clock.monotonicMs();
    if (now < this.#nextLookMs) return false;
    this.#nextLookMs = now + LOOK_MS;
    const members = this.#tree.look();
    maker?.sendOn(members);
    const place = resolved.progress?.in ?? "output";
    if (place !== "output") reader.tail(tailOf(join(this.#folder, place)) ?? "");
    this.#tellProgress();
    matches?.look(now);
    this.#overrun ??= limits.look(members, now);
    if (this.#standStill.isLost(members)) this.#lost = "the program was stopped (SIGSTOP) and does not go on";
    if (this.#overrun === null && this.#lost === null) return false;
    await this.#tree.kill();
    return true;
  }

  #tellProgress(): void {
    const progress = this.#workshop?.reader.progress ?? null;
    const text = JSON.stringify(progress);
    if (progress === null || text === this.#toldProgress) return;
    this.#toldProgress = text;
    this.#options.link.say({ kind: "progress", progress });
  }
}

/** What is said of a checkpoint while the program goes on; null: it lies on the shelf. */
function saidOf(answered: Answered): { readonly kind: "not_saved" | "save_failed"; readonly why: string } | null {
  if (answered.kind === "frozen") return null;
  return { kind: answered.kind === "nothing" ? "not_saved" : "save_failed", why: answered.why };
}
