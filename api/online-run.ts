/** One online job while this process sees to it: from its lease to the commit (`online-jobs.ts`). */
import type { OnlineDesk, OnlineEnding, OnlineLease } from "../src/batch/batch.ts";
import type { TaskInfo } from "../src/contract/worker.ts";
import { fenceText } from "../src/domain/fence.ts";
import type { Priority } from "../src/domain/priority.ts";
import type {
  InvocationHandle,
  InvokeOutcome,
  InvokeRequest,
  LeftOutcome,
  OnlineCoordinator,
} from "../src/online/online.ts";
import { classifyRedisError } from "../src/redis/fault.ts";
import type { Clock } from "../src/runtime/clock.ts";
import type { FaultPoints } from "../src/runtime/fault-points.ts";
import type { Logger } from "../src/runtime/logger.ts";
import type { Metrics } from "./metrics.ts";
import { endingOf } from "./online-outcome.ts";

/** How long between two tries to write while Redis is away, ms. */
const AGAIN_MS = 150;

/** How often it is looked for the answer to what another process has sent, ms. */
const SEARCH_MS = 250;

/** Who waits for it, and how urgently. */
export interface CallerTurn {
  readonly caller: string;
  readonly priority: Priority;
}

/** How it ended for this process. */
export type RunEnd =
  /** The record says it. */
  | { readonly kind: "committed"; readonly outcome: InvokeOutcome }
  /** It certainly did not run, and there is no record any more. */
  | { readonly kind: "forgotten"; readonly outcome: InvokeOutcome }
  /** It waits again, or another process has taken it over: the record tells. */
  | { readonly kind: "elsewhere" };

export interface OnlineRunOptions {
  readonly desk: OnlineDesk;
  readonly online: OnlineCoordinator;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly faults: FaultPoints;
  readonly redisNowMs: () => number;
  readonly definitionsFor: (task: string, input: string) => Promise<readonly TaskInfo[]>;
  /** Definitions that take the input; null: they are looked up. */
  readonly definitions: readonly TaskInfo[] | null;
  readonly whenNotStarted: "forget" | "put_back";
  /** Null: nobody waits for it, and those that do go first. */
  readonly turn?: CallerTurn | null;
  /** The request is under way already: it was begun before it had a record. */
  readonly handle?: InvocationHandle;
}

export class OnlineRun {
  readonly lease: OnlineLease;
  readonly ended: Promise<RunEnd>;
  readonly #options: OnlineRunOptions;
  readonly #stop = new AbortController();
  readonly #startedAtMs: number;
  #resolve: (end: RunEnd) => void = () => undefined;
  #handle: InvocationHandle | null = null;

  constructor(lease: OnlineLease, options: OnlineRunOptions) {
    this.lease = lease;
    this.#options = options;
    this.#startedAtMs = options.handle === undefined ? options.redisNowMs() : Number(lease.record["createdAt"]);
    this.#handle = options.handle ?? null;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get id(): string {
    return this.lease.job;
  }

  get #idempotent(): boolean {
    return this.lease.record["idempotent"] === "1";
  }

  /** Never rejects; `ended` tells. */
  async start(): Promise<void> {
    const { handle } = this.#options;
    try {
      if (handle === undefined) await this.#start();
      else await this.#end(await handle.outcome);
    } catch (error) {
      // The lease is held still, and nobody sees to the job: it is given back in a few seconds (O4).
      const { logger } = this.#options;
      if (classifyRedisError(error) === null) logger.error({ err: error, jobId: this.id }, "online job broke off");
      this.#resolve({ kind: "elsewhere" });
    }
  }

  /** Has somebody asked to cancel it, or taken it away? */
  async look(): Promise<void> {
    const standing = await this.#options.desk.standing(this.lease).catch(() => "held" as const);
    if (standing === "cancel") this.#handle?.abort();
    else if (standing === "lost") this.abandon();
  }

  /** It is another's by now: what runs is called back, and nothing is written. */
  abandon(): void {
    this.#stop.abort();
    this.#handle?.abort();
    this.#resolve({ kind: "elsewhere" });
  }

  /** This process goes away. What may run twice is put back at once; of the rest another one finds out what became. */
  leave(): void {
    if (this.#idempotent) this.#handle?.abort();
    else if (this.#handle?.leave() !== "ended") {
      this.#stop.abort();
      this.#resolve({ kind: "elsewhere" });
    }
  }

  async #start(): Promise<void> {
    const { online, metrics } = this.#options;
    const { record } = this.lease;
    const begin = performance.now();
    const request = await this.#request();
    if (request === null) return;
    if (!this.#idempotent && !(await this.#isUnstarted(request))) return;
    if (this.#stop.signal.aborted) return;
    const beforeSend = (): Promise<boolean> => this.noteSending(online.entryHead(request));
    const handle = online.begin(this.#idempotent ? request : { ...request, beforeSend });
    this.#handle = handle;
    const outcome = await handle.outcome;
    metrics.invoked(record["task"] ?? "", outcome, (performance.now() - begin) / 1_000);
    await this.#end(outcome);
  }

  /** What the coordinator is asked; null when it is over already. */
  async #request(): Promise<(InvokeRequest & { readonly lease: NonNullable<InvokeRequest["lease"]> }) | null> {
    const { redisNowMs, online, definitionsFor } = this.#options;
    const { record, fence, job } = this.lease;
    const task = record["task"] ?? "";
    const input = record["input"] ?? "null";
    const deadlineMs = Number(record["deadlineAt"]) - redisNowMs();
    if (deadlineMs <= 0) {
      await this.#end({ kind: "deadline", attempts: [] });
      return null;
    }
    const definitions = this.#options.definitions ?? (await definitionsFor(task, input));
    if (definitions.length === 0) {
      await this.#end({
        kind: "refused",
        message: `no version of ${task} that is known now takes this input`,
        attempts: [],
      });
      return null;
    }
    return {
      task,
      definitions,
      input,
      deadlineMs,
      traceparent: record["traceparent"] ?? null,
      ...(this.#options.turn ?? { caller: record["by"] ?? "", priority: "sheddable", urgency: "in turn" }),
      lease: {
        job,
        attemptsBefore: Number(record["attempts"]),
        fence,
        expiresAtMs: online.expiresAtMs(deadlineMs),
      },
    };
  }

  /** V3 of `online-jobs.ts`: is it certain that nobody else has started it? @throws RedisFault */
  async #isUnstarted(request: InvokeRequest): Promise<boolean> {
    const sent = this.lease.record["sending"] ?? "";
    if (sent === "" || (await this.#options.online.withdraw(request.task, sent, request.input))) return true;
    const found = await this.#searched(sent, request);
    if (this.#stop.signal.aborted) return false;
    if (found.kind === "not_started") return true;
    await this.#end(found);
    return false;
  }

  /** V3: what is about to be sent stands in the record before it is. @returns whether it may be sent */
  async noteSending(entryHead: string): Promise<boolean> {
    const { desk, clock, faults } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        const held = await desk.noteSending(this.lease, entryHead);
        if (!held) this.abandon();
        faults.reach("online.before-send");
        return held;
      } catch (error) {
        if (classifyRedisError(error) === null) throw error;
        await clock.sleep(AGAIN_MS, this.#stop.signal);
      }
    }
    return false;
  }

  /**
   * What became of an attempt that somebody else has sent, and a replica took: its answer may come yet, until the
   * deadline.
   */
  async #searched(sent: string, { deadlineMs }: InvokeRequest): Promise<LeftOutcome> {
    const { online, clock } = this.#options;
    const left = online.leftAnswer(sent);
    const untilMs = clock.monotonicMs() + deadlineMs;
    while (!this.#stop.signal.aborted) {
      const found = await left.look().catch(() => null); // Redis is away: it may be back in time.
      if (found !== null) return found;
      if (clock.monotonicMs() >= untilMs) break;
      await clock.sleep(SEARCH_MS, this.#stop.signal);
    }
    return { kind: "outcome_unknown", attempts: [] };
  }

  async #end(outcome: InvokeOutcome): Promise<void> {
    const { record, fence } = this.lease;
    const ending = endingOf(outcome, {
      task: record["task"] ?? "",
      startedAtMs: this.#startedAtMs,
      fence: fenceText(fence),
      turn: Number(record["ready"]),
      whenNotStarted: this.#options.whenNotStarted,
    });
    this.#options.faults.reach("online.before-commit");
    const reply = await this.#commit(ending);
    if (reply !== "ok" || ending.kind === "put_back") this.#resolve({ kind: "elsewhere" });
    else this.#resolve({ kind: ending.kind === "forget" ? "forgotten" : "committed", outcome });
  }

  /** V1: asks until it is known. */
  async #commit(ending: OnlineEnding): Promise<"ok" | "refused" | "abandoned"> {
    const { desk, clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      const reply = await desk.end(this.lease, ending);
      if (reply !== "unreachable") return reply;
      await clock.sleep(AGAIN_MS, this.#stop.signal);
    }
    return "abandoned";
  }
}
