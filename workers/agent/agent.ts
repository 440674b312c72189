/**
 * The supervising process of a worker: says that it lives, hears what is wanted, and holds both sides together.
 *
 * No user code runs here and nothing is copied here: what delays a beat could cost the leases of every job on the
 * machine (DESIGN: 3.2).
 *
 *   starting → ready ⇄ cordoned | quarantined → draining → drained → stopped
 *
 * AG1 The state is written with every beat; the agent is the only one who says it, but for `lost`.
 * AG2 An order stands until another takes its place. A worker that is leaving hears no more orders.
 * AG3 A drain is bounded: what has not let go by then is hurried, and its jobs continue from their last checkpoints.
 * AG4 A worker that leaves while Redis is away does not wait for it for long: without Redis no checkpoint is committed
 *     and nothing is handed over, and its jobs continue from their last checkpoints all the same.
 */
import { loadavg } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { WorkerState } from "../../src/contract/worker.ts";
import type { JobReason } from "../../src/domain/job-reason.ts";
import { BEAT_FORMAT, BEAT_MS, type Beat, type Order, type WorkerPresence } from "../../src/fleet/fleet.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import { Loop } from "../../src/runtime/loop.ts";
import type { Service } from "../../src/runtime/service.ts";
import type { BatchDesk } from "./batch-desk.ts";
import type { ReplicaKeeper } from "./replica-keeper.ts";

/** AG4: longer than a failover takes that goes well. */
const REDIS_GONE_MS = 10_000;
const LOOK_FOR_REDIS_MS = 250;

export interface AgentOptions {
  readonly boot: string;
  readonly presence: WorkerPresence;
  readonly batch: BatchDesk;
  readonly replicas: ReplicaKeeper;
  readonly slots: { readonly online: number; readonly batch: number };
  readonly stopGraceMs: number;
  readonly drainMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Agent implements Service {
  readonly name = "agent";
  readonly #options: AgentOptions;
  readonly #beats: Loop;
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });
  #state: WorkerState = "starting";
  #reason: string | null = null;
  #counter = 0;
  /** What the latest order asks for; changes are carried out one after another. */
  #wanted: Order["want"] = "ready";
  #changing: Promise<void> = Promise.resolve();
  #leaving = false;
  /** When Redis acknowledged a beat last. */
  #heardMs: number;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#heardMs = options.clock.monotonicMs();
    this.#beats = new Loop({
      name: "beats",
      intervalMs: BEAT_MS,
      clock: options.clock,
      round: () => this.#beat(),
      onError: (error) => options.logger.warn({ err: error }, "beat failed"),
    });
  }

  /** Resolves when both sides serve. */
  async start(): Promise<void> {
    const { batch, replicas } = this.#options;
    this.#delay.enable();
    await this.#beats.start();
    await replicas.start();
    await batch.start();
    this.#become("ready", null);
  }

  /** Leaves at once: what runs is ended, its jobs continue elsewhere. A `drain` comes before, normally. */
  async stop(): Promise<void> {
    const { batch, replicas } = this.#options;
    this.#leaving = true;
    await Promise.all([batch.stop(), replicas.stop()]);
    await this.#beats.stop();
    this.#become("stopped", this.#reason);
    await this.#beat().catch(() => undefined);
    this.#delay.disable();
  }

  /**
   * Leaves in order: online requests finish, batch jobs make a checkpoint and are handed over.
   * @param hurry aborts the waiting: what has not let go by then is left to `stop`
   */
  async drain(why: string, hurry: AbortSignal): Promise<void> {
    this.#leaving = true; // AG2
    const { clock, logger } = this.#options;
    const gone = new AbortController();
    const look = setInterval(() => {
      if (clock.monotonicMs() - this.#heardMs > REDIS_GONE_MS) gone.abort(); // AG4
    }, LOOK_FOR_REDIS_MS);
    await this.#empty("draining", why, "worker_draining", AbortSignal.any([hurry, gone.signal]));
    clearInterval(look);
    if (gone.signal.aborted) logger.warn("leaves without Redis: its jobs continue from their last checkpoints");
    else if (!hurry.aborted) this.#become("drained", why);
  }

  /** Somebody has news for us: look at the leases and the orders now. */
  wake(): void {
    this.#beats.wake();
    this.#options.batch.wake();
  }

  /** Gives everything up within `drainMs` (AG3). */
  async #empty(state: WorkerState, why: string, reason: JobReason, hurry: AbortSignal): Promise<void> {
    const { batch, replicas, stopGraceMs, drainMs, clock, logger } = this.#options;
    this.#become(state, why);
    logger.info({ why, attempts: batch.attempts.size }, "worker lets go of its work");
    const bound = AbortSignal.any([hurry, AbortSignal.timeout(drainMs)]);
    const done = Promise.all([replicas.drain(), batch.release("yield", Math.min(stopGraceMs, drainMs), reason)]);
    await Promise.race([done, clock.sleep(drainMs + 1_000, bound)]);
    const orphans = [...batch.attempts].map((attempt) => attempt.lease.job);
    if (orphans.length > 0) logger.warn({ jobs: orphans }, "not everything let go in time");
  }

  async #beat(): Promise<void> {
    const { presence, batch } = this.#options;
    const [order] = await Promise.allSettled([presence.beat(this.#sign()), batch.tend()]);
    if (order.status === "rejected") throw order.reason;
    this.#heardMs = this.#options.clock.monotonicMs();
    this.#hear(order.value);
  }

  #sign(): Beat {
    const { boot, batch, replicas, slots } = this.#options;
    this.#counter += 1;
    const lagMs = this.#delay.max / 1e6;
    this.#delay.reset();
    const attempts = [...batch.attempts];
    return {
      format: BEAT_FORMAT,
      boot,
      counter: this.#counter,
      state: this.#state,
      reason: this.#reason ?? replicas.trouble ?? (batch.rests ? "its checkpoint store does not answer" : null),
      pids: {
        agent: process.pid,
        replicas: replicas.pids,
        keepers: attempts.flatMap(({ keeperPid }) => (keeperPid === null ? [] : [keeperPid])),
        runners: attempts.flatMap(({ runnerPid }) => (runnerPid === null ? [] : [runnerPid])),
      },
      slots: {
        online: { total: slots.online, used: replicas.running },
        batch: { total: slots.batch, used: attempts.length },
      },
      replaced: { ...replicas.replaced },
      store: batch.rests ? "away" : "answers",
      load: loadavg()[0] ?? 0,
      loopLagMs: Math.round(lagMs),
    };
  }

  /** AG2 */
  #hear(order: Order | null): void {
    const want = order?.want ?? "ready";
    if (this.#leaving || this.#state === "starting" || want === this.#wanted) return;
    this.#wanted = want;
    const reason = order?.reason ?? null;
    this.#options.logger.info({ want, reason }, "order heard");
    this.#changing = this.#changing
      .then(() => this.#obey(want, reason))
      .catch((error: unknown) => this.#options.logger.error({ err: error, want }, "order not carried out"));
  }

  async #obey(want: Order["want"], reason: string | null): Promise<void> {
    const { batch, replicas } = this.#options;
    if (this.#leaving || want !== this.#wanted) return;
    switch (want) {
      case "ready":
        if (replicas.pids.length === 0) await replicas.start();
        batch.open();
        this.#become("ready", null);
        return;
      case "cordoned":
        batch.close();
        this.#become("cordoned", reason);
        await replicas.drain();
        return;
      case "quarantined":
      case "draining":
        await this.#empty(want, reason ?? want, "worker_draining", new AbortController().signal);
        this.#become(want === "draining" ? "drained" : want, reason);
        return;
    }
  }

  #become(state: WorkerState, reason: string | null): void {
    if (state !== this.#state) this.#options.logger.info({ from: this.#state, to: state, reason }, "worker state");
    this.#state = state;
    this.#reason = reason;
    this.#beats.wake();
  }
}
