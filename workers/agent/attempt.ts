/**
 * One attempt as its agent sees it: a lease, a keeper process, and the fenced writes in between.
 *
 * AT1 The keeper asks, the agent writes: each request gets one reply (Q1), whatever Redis does.
 * AT2 Before it writes, an agent that may have lost its lease meanwhile (it was frozen, or out of touch) looks first.
 *     The scripts would refuse anyway; this saves the attempt's last words from being lost in a refusal.
 * AT3 A keeper that dies without having ended its attempt lost its runner: the agent ends what is left of the group
 *     and says so. A keeper that does not turn any more is ended.
 * AT4 A keeper that has said its end may be unable to exit, with a call to its store under way that nobody answers: it is
 *     ended, and its slot free. What not even SIGKILL ends keeps its slot (BD3), and the log says so, once.
 */
import type { ChildProcess } from "node:child_process";
import {
  NOTHING_NEW,
  type AttemptReport,
  type EndOfAttempt,
  type FencedReply,
  type IntervalReport,
  type Lease,
  type LeaseDesk,
  type Renewal,
} from "../../src/batch/batch.ts";
import type { AttemptAccount } from "../../src/domain/goodput.ts";
import { fenceText } from "../../src/domain/fence.ts";
import type { Intent } from "../../src/domain/job-state.ts";
import type { JobReason } from "../../src/domain/job-reason.ts";
import { LOST_AFTER_MS } from "../../src/fleet/fleet.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { FaultPoints } from "../../src/runtime/fault-points.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import { removeFolder } from "../../src/runtime/remove-folder.ts";
import { machineMs } from "../keeper/lease-touch.ts";
import type { Assignment, AttemptEnd, FromKeeper, KeeperReply, KeeperRequest } from "../keeper/protocol.ts";
import { Affirmation, type Standing } from "./affirmation.ts";
import { ended, killGroup, tell } from "./children.ts";
import { ProgressMeter } from "./progress-meter.ts";

/** A keeper that is silent for so long is frozen or stuck; it speaks at least once a second. */
const KEEPER_SILENT_MS = 5_000;
/** Pause between two tries to say how an attempt ended, while Redis is away. */
const SAY_AGAIN_MS = 500;
/** So long a keeper may take to exit when all is said, and to be gone after SIGKILL (AT4). */
const EXIT_MS = 5_000;
const ABANDONED_EXIT_MS = 2_000;

export interface AttemptDeps {
  readonly desk: LeaseDesk;
  readonly clock: Clock;
  readonly faults: FaultPoints;
  readonly logger: Logger;
  readonly forkKeeper: () => ChildProcess;
  /** Notes a process group that must not outlive this worker (`leftovers.ts`). */
  readonly noteGroup: (pid: number) => void;
  readonly rideThroughMs: number;
  /** Something of an attempt lies in the checkpoint store, or it let go because that did not answer. */
  readonly onStore: (standing: "stored" | "away") => void;
}

type Phase = "running" | "ended" | "abandoned";

export class Attempt {
  readonly lease: Lease;
  readonly #deps: AttemptDeps;
  readonly #log: Logger;
  readonly #keeper: ChildProcess;
  readonly #meter: ProgressMeter;
  /** Resolves when nothing of the attempt runs any more. */
  readonly gone: Promise<void>;
  #runnerPid: number | null = null;
  #phase: Phase = "running";
  #confirmedMs: number;
  #heardMs: number;
  #asked: Intent | null = null;
  #askedReason: JobReason = "worker_draining";
  #checkpointsAsked = 0;
  #interval: IntervalReport | null = null;
  #affirming = false;
  #account: AttemptAccount | null = null;
  readonly #effects: Assignment["effects"];
  readonly #folder: string;
  #leaving = false;
  readonly #affirmation: Affirmation;
  /** As it was told to the keeper last. */
  #mtbfMs: number | null;

  constructor(lease: Lease, assignment: Assignment, deps: AttemptDeps) {
    this.lease = lease;
    this.#deps = deps;
    this.#log = deps.logger.child({ jobId: lease.job, attempt: assignment.attempt, fence: fenceText(lease.fence) });
    this.#meter = new ProgressMeter(deps.clock);
    this.#mtbfMs = assignment.mtbfMs;
    this.#effects = assignment.effects;
    this.#folder = assignment.workFolder;
    this.#confirmedMs = deps.clock.monotonicMs();
    this.#heardMs = this.#confirmedMs;
    this.#affirmation = new Affirmation({
      ...{ desk: deps.desk, job: lease.job, fence: lease.fence },
      ...{ attempt: assignment.attempt, effects: assignment.effects },
      askKeeper: (below) => tell(this.#keeper, { kind: "ask_successor", below }),
    });
    this.#keeper = deps.forkKeeper();
    this.#keeper.on("message", (message) => this.#onMessage(message as FromKeeper));
    this.gone = ended(this.#keeper).then(async (exit) => {
      await this.#onKeeperGone(exit);
      if (exit.signal !== null) await this.#removeFolder();
    });
    tell(this.#keeper, { kind: "assignment", assignment });
    this.#log.info(
      { keeperPid: this.#keeper.pid, fromCheckpoint: assignment.candidates[0]?.seq ?? null },
      "attempt started",
    );
  }

  get keeperPid(): number | null {
    return this.#keeper.pid ?? null;
  }

  get runnerPid(): number | null {
    return this.#runnerPid;
  }

  /** Asks the attempt to let go: a worker that leaves gives the slot back after a checkpoint. */
  release(intent: Intent, graceMs: number, reason: JobReason): void {
    this.#askedReason = reason;
    this.#ask(intent, graceMs);
  }

  /** The lease is gone, or the process must be (Q3): ends the runner at once; nothing more is published. */
  abandon(why: string): void {
    if (this.#phase !== "running") return;
    this.#phase = "abandoned";
    this.#log.warn({ why }, "attempt abandoned");
    tell(this.#keeper, { kind: "abandon" });
    if (this.#runnerPid !== null) killGroup(this.#runnerPid);
    // A keeper that is frozen does not hear: it is ended with its runner.
    void this.#seeOff(ABANDONED_EXIT_MS);
  }

  /** Looks after the lease: called with every beat. */
  async tend(): Promise<void> {
    if (this.#phase !== "running") return;
    const { desk, clock, rideThroughMs } = this.#deps;
    if (clock.monotonicMs() - this.#heardMs > KEEPER_SILENT_MS) {
      if (!this.#leaving) this.#log.error("keeper silent: ended");
      void this.#seeOff(0); // AT3: its end is seen by #onKeeperGone
      return;
    }
    let renewal: Renewal;
    const askedMs = machineMs();
    try {
      renewal = await desk.renew(this.lease.job, this.lease.fence, this.#report());
    } catch (error) {
      const outMs = clock.monotonicMs() - this.#confirmedMs;
      if (outMs > rideThroughMs) this.abandon(`out of touch with Redis for ${Math.round(outMs)} ms`);
      throw error;
    }
    if (renewal.kind === "held" && this.#effects === "outside") tell(this.#keeper, { kind: "held", atMs: askedMs });
    await this.#affirm(renewal);
    this.#take(renewal);
  }

  /** Redis may have lost its memory, and this attempt with it or not (`affirmation.ts`). */
  async #affirm(renewal: Renewal): Promise<void> {
    if (this.#phase !== "running" || this.#affirming) return;
    if (renewal.kind === "lost" || (renewal.kind === "held" && !this.#affirmation.waits)) return;
    this.#affirming = true;
    try {
      const standing: Standing =
        renewal.kind === "void" ? await this.#affirmation.take(renewal) : await this.#affirmation.held();
      if (standing === "affirmed")
        this.#log.info("lease affirmed: Redis has lost its memory, and knows of nobody else");
      if (typeof standing !== "object") return;
      this.abandon(`the lease is void, and ${standing.lost}`);
      await this.#deps.desk.voids.giveUp(this.lease.job, this.lease.fence);
    } finally {
      this.#affirming = false;
    }
  }

  #take(renewal: Renewal): void {
    if (this.#phase !== "running" || renewal.kind === "void") return;
    if (renewal.kind === "lost") {
      this.abandon("the lease is another's");
      return;
    }
    this.#confirmedMs = this.#deps.clock.monotonicMs();
    if (renewal.intent !== null) this.#ask(renewal.intent, renewal.stopGraceMs ?? 0);
    if (renewal.mtbfMs !== null && !isNear(renewal.mtbfMs, this.#mtbfMs)) {
      this.#mtbfMs = renewal.mtbfMs;
      tell(this.#keeper, { kind: "losses", mtbfMs: renewal.mtbfMs });
    }
    if (renewal.checkpointRequest > this.#checkpointsAsked) {
      this.#checkpointsAsked = renewal.checkpointRequest;
      tell(this.#keeper, { kind: "checkpoint" });
    }
  }

  #report(): AttemptReport {
    return { progress: this.#meter.report(), interval: this.#interval, account: this.#account };
  }

  #ask(intent: Intent, graceMs: number): void {
    const rank = { yield: 1, stop: 2, cancel: 3 } as const;
    if (this.#asked !== null && rank[this.#asked] >= rank[intent]) return;
    this.#asked = intent;
    this.#log.info({ intent, graceMs }, "attempt asked to let go");
    tell(this.#keeper, { kind: "stop", intent, graceMs });
  }

  #onMessage(message: FromKeeper): void {
    this.#heardMs = this.#deps.clock.monotonicMs();
    switch (message.kind) {
      case "request":
        void this.#answer(message.id, message.request);
        return;
      case "runner":
        this.#runnerPid = message.pid;
        this.#deps.noteGroup(message.pid);
        return;
      case "restored":
        this.#log.info({ seq: message.seq, restoreMs: message.restoreMs }, "attempt restored");
        return;
      case "progress":
        this.#meter.note(message.progress);
        return;
      case "interval":
        this.#interval = { ...message.interval, cost: message.cost };
        return;
      case "successor":
        this.#affirmation.found(message.below, message.successor);
        return;
      case "alive":
        this.#account = message.account;
        return;
    }
  }

  /** AT1 */
  async #answer(id: number, request: KeeperRequest): Promise<void> {
    const reply = await this.#carryOut(request).catch((error: unknown): KeeperReply => {
      this.#log.error({ err: error, request: request.kind }, "fenced write failed");
      return { kind: "unreachable", detail: error instanceof Error ? error.message : String(error) };
    });
    if (reply.kind === "refused")
      this.#log.warn({ request: request.kind, detail: reply.detail }, "fenced write refused");
    tell(this.#keeper, { kind: "reply", id, reply });
  }

  async #carryOut(request: KeeperRequest): Promise<FencedReply> {
    const { desk, faults } = this.#deps;
    const { job, fence, record } = this.lease;
    if (this.#phase === "abandoned") return { kind: "refused", detail: "the attempt is abandoned" };
    if (faults.reach("agent.own-check") === "go") await this.#ownCheck();
    if (this.#isAbandoned()) return { kind: "refused", detail: "the lease is another's" };
    if (this.#affirmation.waits) return { kind: "unreachable", detail: "the lease is being affirmed" };
    switch (request.kind) {
      case "verify":
        return desk.verify(job, fence, request.fault === undefined ? null : { fault: request.fault, record });
      case "latest":
        return desk.latest(request.job);
      case "parents":
        return desk.parents(record);
      case "artifact":
        return desk.artifact(request.job, request.name);
      case "commit": {
        faults.reach("agent.before-commit");
        this.#deps.onStore("stored");
        const reply = await desk.commit(job, fence, Number(record["attempts"]), request.checkpoint);
        return this.#affirmation.committed(request.checkpoint, reply);
      }
      case "set_aside":
        this.#log.error({ seq: request.seq, why: request.why, detail: request.detail }, "checkpoint cannot be used");
        return desk.setAside(job, fence, request.seq, request.detail, request.why);
      case "dropped":
        return desk.dropCheckpoint(job, fence, request.n, request.why, request.detail);
      case "end": {
        faults.reach("agent.before-end");
        if (request.end.kind === "succeeded" && request.end.progress !== null) this.#meter.note(request.end.progress);
        this.#account = request.account;
        if (request.end.kind === "succeeded") this.#deps.onStore("stored");
        if (request.end.kind === "interrupted" && request.end.why === "store_unavailable") this.#deps.onStore("away");
        const reply = await desk.end(job, fence, record, this.#endOf(request.end), this.#report());
        if (reply.kind === "ok") {
          this.#phase = "ended";
          this.#log.info({ outcome: request.end.kind }, "attempt ended");
          void this.#seeOff(EXIT_MS);
        }
        return reply;
      }
    }
  }

  /** AT2 */
  async #ownCheck(): Promise<void> {
    if (this.#deps.clock.monotonicMs() - this.#confirmedMs < LOST_AFTER_MS) return;
    try {
      this.#take(await this.#deps.desk.renew(this.lease.job, this.lease.fence, NOTHING_NEW));
    } catch {
      // Out of touch: the write itself will say so.
    }
  }

  #isAbandoned(): boolean {
    return this.#phase === "abandoned";
  }

  /** AT4 @param exitMs how long the keeper may take to exit by itself */
  async #seeOff(exitMs: number): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    const over = new AbortController();
    void ended(this.#keeper).then(() => over.abort());
    const goneWithin = async (ms: number): Promise<boolean> => {
      await this.#deps.clock.sleep(ms, over.signal);
      return over.signal.aborted;
    };
    if (exitMs > 0 && (await goneWithin(exitMs))) return;
    this.#log.warn({ keeperPid: this.keeperPid }, "keeper killed: it did not exit by itself");
    this.#keeper.kill("SIGKILL");
    if (await goneWithin(EXIT_MS)) return;
    this.#log.error(
      { keeperPid: this.keeperPid },
      "keeper cannot be killed: the system holds it in a call to a disk or a mount that does not answer; its slot stays taken until that is answered, or the machine is restarted",
    );
  }

  /** AT3 */
  async #onKeeperGone(exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null }): Promise<void> {
    if (this.#runnerPid !== null) killGroup(this.#runnerPid);
    if (this.#phase !== "running") return;
    const how = exit.signal ?? `code ${exit.code}`;
    this.#log.error({ keeper: how }, "keeper ended before its attempt");
    const end: EndOfAttempt =
      this.#asked === null
        ? { kind: "runner_lost", detail: `keeper ended with ${how}` }
        : { kind: "interrupted", reason: this.#askedReason };
    while (!this.#isAbandoned()) {
      const reply = await this.#deps.desk.end(this.lease.job, this.lease.fence, this.lease.record, end, this.#report());
      if (reply.kind !== "unreachable") break;
      if (this.#deps.clock.monotonicMs() - this.#confirmedMs > this.#deps.rideThroughMs) break;
      await this.#deps.clock.sleep(SAY_AGAIN_MS);
    }
    this.#phase = "ended";
  }

  /** Of a keeper that was killed before it could. */
  async #removeFolder(): Promise<void> {
    await removeFolder(this.#folder).catch((error: unknown) => this.#log.warn({ err: error }, "folder not removed"));
  }

  #endOf(end: AttemptEnd): EndOfAttempt {
    return end.kind === "interrupted" ? { kind: "interrupted", reason: end.why ?? this.#askedReason } : end;
  }
}

/** The interval goes with the root of the rate: what differs by less than a tenth changes nothing. */
function isNear(mtbfMs: number, told: number | null): boolean {
  return told !== null && Math.abs(mtbfMs - told) <= told / 10;
}
