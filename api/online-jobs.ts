/**
 * Sees to online jobs: runs those that this process began or drew, and commits what became of them.
 *
 * V1 What a job came to is committed once, under its fence; a process that was frozen meanwhile is refused, and what
 *    it knows counts for nothing.
 * V2 A process that is lost is noticed by the others, on their own clocks, and its jobs wait again; whoever has room
 *    draws them.
 * V3 A task that must not run twice is noted in the record before it is sent. Whoever takes such a job over runs it
 *    only if what was sent is still in its list; if not, it looks for the answer, which the replica has sent to the
 *    lost process. If none comes until the deadline, the job fails with `outcome_unknown`.
 * V4 At most `MAX_HELD` jobs are run at the same time for callers who do not wait; the others wait in Redis.
 */
import type { NewOnlineJob, OnlineDesk, OnlineLease, Urgency } from "../src/batch/batch.ts";
import type { Job } from "../src/contract/job.ts";
import type { TaskInfo } from "../src/contract/worker.ts";
import { BeatJudge, type BeatRule } from "../src/domain/beat-judge.ts";
import type { InvocationHandle, OnlineCoordinator } from "../src/online/online.ts";
import type { EventTail } from "../src/redis/event-tail.ts";
import type { Clock } from "../src/runtime/clock.ts";
import type { FaultPoints } from "../src/runtime/fault-points.ts";
import type { Logger } from "../src/runtime/logger.ts";
import { Loop } from "../src/runtime/loop.ts";
import type { Service } from "../src/runtime/service.ts";
import type { Drain } from "./drain.ts";
import type { Metrics } from "./metrics.ts";
import { OnlineRun, type CallerTurn } from "./online-run.ts";

const BEAT_MS = 500;
/** A leaseholder whose beat stood still for 2.5 s is lost. */
const COORDINATOR_BEATS: BeatRule = { suspectMs: 1_200, lostMs: 2_500, gapMs: 1_200, panicMs: 5_000 };
/** V4 */
const MAX_HELD = 256;
/** Looked for in every so many rounds: what the record says we hold, and we do not know. */
const UNKNOWN_EVERY = 6;
/** A leaving process waits so long for its jobs; then they are for others. */
const LEAVE_MS = 1_500;

export interface OnlineJobsOptions {
  readonly desk: OnlineDesk;
  readonly online: OnlineCoordinator;
  readonly tail: EventTail;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly drain: Drain;
  readonly faults: FaultPoints;
  /** Redis' clock, as well as it is known here. */
  readonly redisNowMs: () => number;
  /** Definitions that take this input now, newest first. */
  readonly definitionsFor: (task: string, input: string) => Promise<readonly TaskInfo[]>;
}

export type Begun =
  /** This process sees to it. */
  | { readonly kind: "running"; readonly run: OnlineRun }
  /** It waits, for whoever draws it. */
  | { readonly kind: "waiting"; readonly job: Job }
  | { readonly kind: "replayed"; readonly id: string }
  | { readonly kind: "key_reused"; readonly id: string };

export interface BeginOptions {
  /** Those that take the input, newest first. */
  readonly definitions: readonly TaskInfo[];
  /** What becomes of it when nobody can take it now. */
  readonly whenNotStarted: "forget" | "put_back";
  /** Whose turn it takes among the requests of those that wait; null: nobody waits for it. */
  readonly turn?: CallerTurn | null;
  /** The request is under way already. */
  readonly handle?: InvocationHandle;
}

export class OnlineJobs implements Service {
  readonly name = "online jobs";
  readonly #options: OnlineJobsOptions;
  readonly #judge = new BeatJudge(COORDINATOR_BEATS);
  /** Lost, and its jobs not taken yet; with the beat that was seen last. */
  readonly #lost = new Map<string, number>();
  readonly #runs = new Map<string, OnlineRun>();
  readonly #loop: Loop;
  #rounds = 0;
  #full = false;

  constructor(options: OnlineJobsOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: this.name,
      intervalMs: BEAT_MS,
      clock: options.clock,
      round: () => this.#round(),
      onError: (error) => options.logger.warn({ err: error, component: this.name }, "will be tried again"),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** Waits a little for what is under way; the rest is left to others. */
  async stop(): Promise<void> {
    const { clock, desk } = this.#options;
    const ended = Promise.all([...this.#runs.values()].map((run) => run.ended));
    await Promise.race([ended, clock.sleep(LEAVE_MS)]);
    for (const run of this.#runs.values()) run.leave();
    await Promise.race([ended, clock.sleep(LEAVE_MS)]);
    await this.#loop.stop();
    await desk.leave().catch(() => undefined); // Then it is lost, and found to be.
  }

  /** Jobs that this process sees to. */
  get held(): number {
    return this.#runs.size;
  }

  /**
   * Creates the record of a job, atomically with its key, and sees to it.
   *
   * @throws RedisFault
   */
  async begin(job: NewOnlineJob, urgency: Urgency, options: BeginOptions): Promise<Begun> {
    const room = urgency !== "in_turn" || this.#runs.size < MAX_HELD; // V4
    const outcome = await this.#options.desk.begin(job, room ? urgency : "later");
    switch (outcome.kind) {
      case "leased":
        return { kind: "running", run: this.#run(outcome.lease, options) };
      case "queued":
        this.#full ||= !room;
        return { kind: "waiting", job: outcome.job };
      default:
        return outcome;
    }
  }

  #run(
    lease: OnlineLease,
    options: Omit<BeginOptions, "definitions"> & { readonly definitions: readonly TaskInfo[] | null },
  ): OnlineRun {
    const { tail, clock } = this.#options;
    // Drawn again by the process that lost it: what it still runs of it is the past.
    this.#runs.get(lease.job)?.abandon();
    const run = new OnlineRun(lease, { ...this.#options, ...options });
    this.#runs.set(lease.job, run);
    // Most jobs end before anybody asks anything of them, and their own events need no look.
    let looking = false;
    const unwatch = tail.watch(lease.job, () => {
      if (looking) return;
      looking = true;
      void clock.sleep(20).then(async () => {
        looking = false;
        if (this.#runs.get(lease.job) === run) await run.look();
      });
    });
    void run.ended.then(() => {
      unwatch();
      if (this.#runs.get(lease.job) === run) this.#runs.delete(lease.job);
      if (this.#full) this.#loop.wake();
    });
    void run.start();
    return run;
  }

  async #round(): Promise<void> {
    const { desk, clock, logger } = this.#options;
    const beats = await desk.beat();
    for (const { id, to } of this.#judge.observe(beats, clock.monotonicMs())) {
      const beat = beats.get(id);
      if (to === "lost" && beat !== undefined) this.#lost.set(id, beat);
      else this.#lost.delete(id);
    }
    for (const [id, beat] of this.#lost) {
      const taken = await desk.takeFrom(id, beat); // V2
      this.#lost.delete(id);
      if (taken > 0) logger.warn({ lost: id, jobs: taken }, "online jobs taken from a lost API process");
    }
    this.#rounds += 1;
    if (this.#rounds % UNKNOWN_EVERY === 0) await desk.giveBackUnknown(this.#runs);
    await this.#draw();
  }

  async #draw(): Promise<void> {
    const { desk, drain } = this.#options;
    for (;;) {
      const room = MAX_HELD - this.#runs.size;
      this.#full = room <= 0;
      if (this.#full || drain.begun) return;
      const leases = await desk.draw(room);
      for (const lease of leases) this.#run(lease, { definitions: null, whenNotStarted: "put_back" });
      if (leases.length === 0) return;
    }
  }
}
