/**
 * One attempt, from its folder to its end.
 *
 * KA1 The first verdict stands: what ended the attempt is decided once. Only the loss of the lease overrides it.
 * KA2 Nothing that the agent does for the attempt overtakes a commit that is under way.
 * KA3 After `abandon`, or a refusal, nothing is published: no checkpoint, no outcome, no log (Q3).
 * KA4 When this is over, nothing of the runner's group runs and the folder is gone.
 */
import { join } from "node:path";
import { type CheckpointStore, readOutcome } from "../../src/checkpoints/checkpoints.ts";
import type { Intent } from "../../src/domain/job-state.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { FaultPoints } from "../../src/runtime/fault-points.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import { removeFolder } from "../../src/runtime/remove-folder.ts";
import type { FromRunner } from "../runner/protocol.ts";
import type { AgentLink } from "./agent-link.ts";
import { PendingArtifacts } from "./artifacts.ts";
import { aborted } from "./aborted.ts";
import { AttemptTraces } from "./attempt-traces.ts";
import { cadenceFor, type CheckpointCadence } from "./checkpoint-cadence.ts";
import { SavingRunner } from "./checkpoint-source.ts";
import { CheckpointViews } from "./checkpoint-views.ts";
import { CheckpointDrops } from "./checkpoint-drops.ts";
import { Checkpointer } from "./checkpointer.ts";
import { conclude, type Verdict } from "./conclusion.ts";
import { freshFolders } from "./fresh-folders.ts";
import { JobLog } from "./job-log.ts";
import type { Assignment, HeldUp } from "./protocol.ts";
import { restore } from "./restore.ts";
import { runnerAssignment } from "./runner-assignment.ts";
import { RunnerProcess, type RunnerExit } from "./runner-process.ts";
import { StoppedWatch } from "./stopped-watch.ts";
import { heldUpBy, untilStored } from "./store-patience.ts";
import { type TimeAccount, timeAccountOf } from "./time-account.ts";

const TICK_MS = 100;
const ALIVE_EVERY_MS = 500;
/** After so many that fail in a row a task's code is broken; a program may only be asked too early, and goes on. */
const SAVES_FAILED = 3;
/** Pause before another try to save for a stop. */
const SAVE_AGAIN_MS = 500;

export interface AttemptOptions {
  readonly assignment: Assignment;
  readonly store: CheckpointStore;
  readonly link: AgentLink;
  readonly clock: Clock;
  readonly faults: FaultPoints;
  readonly logger: Logger;
}

export class Attempt {
  readonly #options: AttemptOptions;
  readonly #log: JobLog;
  readonly #artifacts: PendingArtifacts;
  readonly #traces: AttemptTraces;
  readonly cadence: CheckpointCadence;
  readonly #stoppedWatch: StoppedWatch;
  readonly #drops: CheckpointDrops;
  /** Made for this attempt alone. */
  readonly folder: string;
  /** Aborts with the first verdict: what serves to compute stops. */
  readonly #work = new AbortController();
  /** Aborts when nothing may be published any more (KA3). */
  readonly #life = new AbortController();
  /** Aborts when the result is not wanted any more either: a cancel, or the end of the grace. */
  readonly #result = new AbortController();
  #verdict: Verdict | null = null;
  #runner: RunnerProcess | null = null;
  #saving: SavingRunner | null = null;
  #checkpointer: Checkpointer | null = null;
  #views: CheckpointViews | null = null;
  #stopping: { intent: Intent; deadlineMs: number } | null = null;
  /** The task is done, and its final state is being kept. */
  #done: Extract<Verdict, { kind: "done" }> | null = null;
  #ready = false;
  #beginMs = 0;
  #fromSeq: number | null = null;
  #aliveMs = -Infinity;
  readonly #time: TimeAccount;

  constructor(options: AttemptOptions) {
    const { assignment, store, clock, link, logger } = options;
    this.#options = options;
    this.folder = assignment.workFolder;
    this.#log = new JobLog({ store, assignment, clock, logger });
    this.#artifacts = new PendingArtifacts(store, assignment.job);
    this.cadence = cadenceFor(assignment, clock, (interval, cost) => link.say({ kind: "interval", interval, cost }));
    this.#time = timeAccountOf(assignment, clock);
    this.#traces = new AttemptTraces({ assignment, store, clock });
    this.#stoppedWatch = new StoppedWatch(clock);
    const { signal } = this.#life;
    const onRefused = (detail: string): void => this.#refused(detail);
    this.#drops = new CheckpointDrops({ link, signal, onRefused, note: (line) => this.#log.note(line) });
  }

  /** Bytes of the last checkpoint; null: there is no state yet that could be saved. */
  get checkpointBytes(): number | null {
    return this.#ready ? (this.#checkpointer?.lastBytes ?? 0) : null;
  }

  /** Runs the attempt to its end. Never rejects. */
  async run(): Promise<void> {
    const { clock, logger, link } = this.#options;
    this.#beginMs = clock.monotonicMs();
    const ticker = setInterval(() => this.#tick(), TICK_MS);
    try {
      await this.#compute();
    } catch (error) {
      logger.error({ err: error }, "attempt broke down");
      const detail = error instanceof Error ? error.message : String(error);
      const why = heldUpBy(error);
      this.#decide(why === null ? { kind: "runner_lost", detail } : { kind: "held_up", why, detail });
    }
    const verdict = this.#verdict ?? { kind: "runner_lost", detail: "ended without a verdict" };
    const runnerGone = verdict.kind === "abandoned" ? this.#runner?.kill() : this.#runner?.end();
    await this.#checkpointer?.settled(); // KA2
    await runnerGone;
    if (!this.#life.signal.aborted) {
      await this.#log.close();
      await this.#conclude(verdict);
    }
    clearInterval(ticker);
    link.close();
    await removeFolder(this.folder).catch((error: unknown) => {
      logger.warn({ err: error, folder: this.folder }, "folder not removed");
    });
  }

  /** The lease may soon be another's: the runner stands still (LT1). */
  freeze(): void {
    if (this.#runner?.isFrozen === false) this.#log.note("stands still: the lease could not be confirmed");
    this.#runner?.freeze();
  }

  thaw(): void {
    this.#time.stood(this.#runner?.thaw() ?? 0);
  }

  /** Order: let go within `graceMs`. An intent only rises, and grace does not grow by asking again. */
  stop(intent: Intent, graceMs: number): void {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + graceMs;
    this.#stopping = { intent, deadlineMs: Math.min(deadlineMs, this.#stopping?.deadlineMs ?? Infinity) };
    if (intent === "cancel") {
      this.#result.abort();
      this.#decide({ kind: "let_go" });
    } else if (!this.#ready) {
      this.#decide({ kind: "let_go" }); // There is no state yet that could be saved.
    } else {
      this.cadence.ask();
    }
  }

  /** The lease is lost, or the agent is gone (KA3). The runner's group ends now, the rest as soon as it can. */
  abandon(): void {
    this.#runner?.signal("SIGKILL");
    this.#options.link.close();
    this.#log.drop();
    this.#life.abort();
    this.#result.abort();
    if (this.#verdict === null) this.#decide({ kind: "abandoned" });
    else this.#verdict = { kind: "abandoned" }; // KA1
  }

  #decide(verdict: Verdict): void {
    if (this.#verdict !== null) return; // KA1
    this.#verdict = verdict;
    this.#time.still();
    this.#work.abort();
  }

  /** Until there is a verdict. */
  async #compute(): Promise<void> {
    const { assignment, store, clock, logger } = this.#options;
    const { signal } = this.#work;
    const patience = { clock, signal, patienceMs: assignment.storePatienceMs };
    const standing = await untilStored(patience, () => readOutcome(store, assignment.job, assignment.round));
    if (standing.kind === "stands") {
      // An attempt before this one had come to the end, and could not say so.
      logger.info({ attempt: standing.outcome.attempt }, "outcome adopted");
      this.#decide({ kind: "adopted", end: standing.outcome.end });
      return;
    }
    await untilStored(patience, () => freshFolders(this.folder, ["scratch", "artifacts", "views"]));
    // Beside restoring; what fails now is done before the first checkpoint.
    void this.#traces
      .written()
      .catch((error: unknown) => logger.warn({ err: error }, "attempt not noted in the store"));
    const restored = await this.#restore();
    if (this.#work.signal.aborted) return;
    this.#startRunner(restored);
    await Promise.race([this.#checkpoints(), aborted(signal)]);
    await aborted(signal);
  }

  async #restore(): Promise<Awaited<ReturnType<typeof restore>>> {
    const { assignment, store, link, clock, logger } = this.#options;
    const restored = await restore({
      assignment,
      store,
      link,
      clock,
      folder: join(this.folder, "restored"),
      signal: this.#work.signal,
      onSetAside: (seq, detail) => {
        logger.error({ seq, detail }, "checkpoint set aside");
        this.#log.note(`checkpoint ${seq} is damaged and set aside: ${detail}`);
      },
    });
    if (restored.kind === "unreadable") {
      const { detail } = restored;
      this.#fail("checkpoints_unreadable", `none of the job's checkpoints can be used; ${detail}`);
    } else if (restored.kind === "refused") {
      this.#refused(restored.detail);
    }
    return restored;
  }

  #startRunner(restored: Awaited<ReturnType<typeof restore>>): void {
    const { assignment, link, clock } = this.#options;
    const parent = restored.kind === "restored" ? restored.checkpoint : null;
    this.#fromSeq = parent?.manifest.seq ?? null;
    const runner = new RunnerProcess({
      assignment,
      clock,
      folder: join(this.folder, "scratch"),
      onMessage: (message) => this.#onRunner(message),
      onOutput: (bytes) => this.#log.append(bytes),
    });
    this.#runner = runner;
    link.say({ kind: "runner", pid: runner.pid });
    void runner.ended.then((exit) => this.#onRunnerEnded(exit));
    this.#saving = new SavingRunner(runner);
    const parts = { artifacts: this.#artifacts, time: this.#time, traces: this.#traces, source: this.#saving };
    this.#checkpointer = new Checkpointer({ ...this.#options, ...parts, parent });
    const onHeldUp = (why: HeldUp, detail: string): void => this.#decide({ kind: "held_up", why, detail });
    this.#views = new CheckpointViews({ ...this.#options, folder: join(this.folder, "views"), onHeldUp });
    runner.tell({
      kind: "start",
      assignment: runnerAssignment(assignment, {
        restored: parent === null ? null : join(this.folder, "restored"),
        artifactFolder: join(this.folder, "artifacts"),
        ...{ mark: runner.mark, cgroup: runner.cgroup },
      }),
    });
  }

  #onRunner(message: FromRunner): void {
    const { link, clock } = this.#options;
    switch (message.kind) {
      case "ready":
        this.#onReady();
        return;
      case "progress":
        link.say(message);
        return;
      case "saved":
      case "save_failed":
      case "not_saved":
      case "copying":
        this.#saving?.heard(message);
        return;
      case "offer":
        this.cadence.ask();
        return;
      case "dropped":
        this.#drops.add("changed", message.message);
        return;
      case "done":
        this.#artifacts.add(message.artifacts);
        this.#time.still();
        this.#done = { kind: "done", output: message.output, progress: message.progress };
        if (message.state === "gone") this.#decide(this.#done);
        else this.cadence.ask(); // The last checkpoint comes first.
        return;
      case "failed":
        this.#fail(message.fault, message.message, message.retryAfterMs);
        return;
      case "no_room":
        this.#decide({ kind: "held_up", why: message.why, detail: message.message });
        return;
      case "unfit":
      case "lost":
        this.#decide({ kind: "runner_lost", detail: message.message });
        return;
      case "latest":
      case "read":
      case "parents":
      case "artifact":
        void this.#views?.answer(message, this.#work.signal).then((answer) => this.#runner?.tell(answer));
        return;
      default:
        this.#options.logger.warn({ message, at: clock.nowMs() }, "runner said what cannot be understood");
    }
  }

  #onReady(): void {
    const { link, clock } = this.#options;
    this.#ready = true;
    this.#time.ready();
    link.say({ kind: "restored", seq: this.#fromSeq, restoreMs: Math.round(clock.monotonicMs() - this.#beginMs) });
    this.cadence.begin();
    void removeFolder(join(this.folder, "restored"));
  }

  #onRunnerEnded({ code, signal }: RunnerExit): void {
    if (this.#work.signal.aborted) return;
    if (this.#done !== null) {
      this.#decide(this.#done); // Its result is here; only the last checkpoint is not.
      return;
    }
    if (signal !== null || code === null) {
      const detail = signal === null ? "the process could not be started" : `the process was ended by ${signal}`;
      this.#log.note(detail);
      this.#decide({ kind: "runner_lost", detail });
    } else {
      // Its own doing: `process.exit`, or a fatal error that Node reports in its output.
      this.#fail("error", `the process exited with code ${code} before the task was done`);
    }
  }

  #fail(
    fault: Extract<Verdict, { kind: "failed" }>["fault"],
    message: string,
    retryAfterMs: number | null = null,
  ): void {
    this.#decide({ kind: "failed", fault, message, retryAfterMs });
  }

  #refused(detail: string): void {
    this.#options.logger.warn({ detail }, "lease lost");
    this.abandon();
  }

  /** Takes checkpoints as they become due, until there is a verdict. */
  async #checkpoints(): Promise<void> {
    const { clock, assignment } = this.#options;
    const { signal } = this.#work;
    let savesFailed = 0;
    for (;;) {
      await this.cadence.wanted(signal);
      if (signal.aborted || this.#checkpointer === null) return;
      const stopping = this.#stopping !== null;
      const last = this.#done;
      const taken = await this.#checkpointer.take(stopping || last !== null ? "hold" : "go_on", signal);
      if (last !== null && taken.kind !== "refused") this.#decide(last); // Without it the job is done all the same.
      if ((taken.kind === "committed" || taken.kind === "nothing") && stopping) this.#decide({ kind: "let_go" });
      if (taken.kind === "nothing" && !stopping) this.#drops.none(taken.detail);
      if (taken.kind === "refused") this.#refused(taken.detail);
      if (taken.kind === "failed") this.#drops.add(taken.why, taken.detail);
      savesFailed = taken.kind === "failed" && taken.why === "save_failed" ? savesFailed + 1 : 0;
      if (savesFailed === SAVES_FAILED && taken.kind === "failed" && assignment.runs === "steps") {
        this.#fail("error", `the state could not be saved ${SAVES_FAILED} times in a row: ${taken.detail}`);
      }
      if (stopping && taken.kind === "failed") await clock.sleep(SAVE_AGAIN_MS, signal);
      if (this.#stopping !== null) this.cadence.ask();
      else if (taken.kind === "committed") this.cadence.taken(taken.cost);
      else this.cadence[taken.kind === "nothing" ? "begin" : "failed"]();
    }
  }

  /** Looks at all that depends on time. */
  #tick(): void {
    const { assignment, clock, link } = this.#options;
    const now = clock.monotonicMs();
    if (now - this.#aliveMs >= ALIVE_EVERY_MS) {
      this.#aliveMs = now;
      link.say({ kind: "alive", account: this.#time.report() });
      if (this.#runner?.isFrozen === false) void this.#lookForStop(this.#runner.pid);
    }
    this.#log.tick();
    if (this.#stopping !== null && now >= this.#stopping.deadlineMs) {
      this.#result.abort();
      this.#decide({ kind: "let_go" });
    }
    if (assignment.timeoutMs !== null && now - this.#beginMs >= assignment.timeoutMs) {
      this.#fail("timed_out", `the attempt took longer than ${assignment.timeoutMs} ms`);
    }
    this.cadence.tick();
  }

  async #lookForStop(pid: number): Promise<void> {
    if (this.#work.signal.aborted || !(await this.#stoppedWatch.isLost(pid))) return;
    const detail = "the process was stopped (SIGSTOP) and does not go on";
    this.#log.note(detail);
    this.#decide({ kind: "runner_lost", detail });
  }

  async #conclude(verdict: Verdict): Promise<void> {
    const { link, logger } = this.#options;
    const signals = { life: this.#life.signal, result: this.#result.signal };
    const parts = { artifacts: this.#artifacts, traces: this.#traces, signals };
    const end = await conclude(verdict, { ...this.#options, ...parts });
    if (end === null) return;
    const answer = await link.request({ kind: "end", end, account: this.#time.report() }, this.#life.signal);
    logger.info({ end: end.kind, answer: answer.kind }, "attempt ended");
  }
}
