/**
 * The batch side of an agent: draws tickets while a slot is free, and holds the attempts that came of them.
 *
 * BD1 One ticket is drawn at a time, and only while a slot is free.
 * BD2 A ticket ends as soon as the lease is granted or refused (W3).
 * BD3 What runs is counted until nothing of it runs any more: a slot is free when its processes are gone.
 * BD4 A lease whose grant was not heard (Redis fell mute before it answered) is given back: nobody else does it while
 *     this worker lives. Seen twice, that is: a grant on its way looks the same.
 * BD5 A job that is granted while the worker lets go of all it has is given back at once, and waited for: an attempt
 *     begun then would be ended with its worker, and its job would wait until that is noticed.
 * BD6 A worker whose checkpoint store is away leaves to others what they can take (`domain/store-rest.ts`).
 */
import { join } from "node:path";
import {
  costOf,
  NOTHING_NEW,
  submissionOf,
  type DrawnTicket,
  type Lease,
  type LeaseDesk,
  type TicketDrawer,
} from "../../src/batch/batch.ts";
import { fenceText } from "../../src/domain/fence.ts";
import type { JobReason } from "../../src/domain/job-reason.ts";
import type { Intent } from "../../src/domain/job-state.ts";
import { StoreRest } from "../../src/domain/store-rest.ts";
import { childTraceparent } from "../../src/domain/trace-context.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import { Loop } from "../../src/runtime/loop.ts";
import type { Service } from "../../src/runtime/service.ts";
import { machineMs } from "../keeper/lease-touch.ts";
import type { Assignment } from "../keeper/protocol.ts";
import { Attempt, type AttemptDeps } from "./attempt.ts";

const LOOK_MS = 1_000;
/** BD4: longer than any answer of Redis is waited for. */
const UNHEARD_LOOK_MS = 2_500;

export interface BatchDeskOptions {
  readonly workerId: string;
  readonly slots: number;
  /** Queues this worker can run from. */
  readonly queues: readonly string[];
  /** Could another worker take what waits there? */
  readonly elsewhere: (queue: string) => "others" | "alone";
  readonly drawer: TicketDrawer;
  readonly desk: LeaseDesk;
  readonly clock: Clock;
  readonly redisNowMs: () => number;
  readonly logger: Logger;
  readonly attempt: Omit<AttemptDeps, "onStore">;
  /** The parts of an assignment that are the worker's. */
  readonly assignment: Pick<
    Assignment,
    | "nice"
    | "storeUrl"
    | "storeAccess"
    | "storeId"
    | "storePatienceMs"
    | "taskModules"
    | "builtins"
    | "faults"
    | "logLevel"
    | "logBytes"
    | "outputBytes"
  >;
  /** Names of the tasks that are programs. */
  readonly programs: ReadonlySet<string>;
  readonly workFolder: string;
}

export class BatchDesk implements Service {
  readonly name = "batch-desk";
  readonly #options: BatchDeskOptions;
  readonly #loop: Loop;
  readonly #attempts = new Set<Attempt>();
  readonly #rest = new StoreRest();
  #open = false;
  /** The ticket in hand, from its drawing to the begin of its attempt, or its return. */
  #taking: Promise<unknown> = Promise.resolve();
  /** Why all work is let go of, until the desk opens again (BD5). */
  #lettingGo: JobReason | null = null;
  #unheardLookMs = 0;
  /** Tokens of leases that were not known of at the last look (BD4). */
  #unheard = new Set<string>();

  constructor(options: BatchDeskOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: this.name,
      intervalMs: LOOK_MS,
      clock: options.clock,
      round: () => this.#draw(),
      onError: (error) => options.logger.warn({ err: error }, "no tickets could be drawn"),
    });
  }

  start(): Promise<void> {
    this.#open = true;
    return this.#loop.start();
  }

  /** Ends what still runs; a drain comes before. */
  async stop(): Promise<void> {
    this.#open = false;
    await this.#loop.stop();
    for (const attempt of this.#attempts) attempt.abandon("the agent stops");
    await Promise.all([...this.#attempts].map((attempt) => attempt.gone));
  }

  get attempts(): ReadonlySet<Attempt> {
    return this.#attempts;
  }

  /** Looks for work at once. */
  wake(): void {
    this.#loop.wake();
  }

  /** Takes work again, or for the first time. */
  open(): void {
    this.#open = true;
    this.#lettingGo = null;
    this.wake();
  }

  /** Takes nothing new; what runs goes on. */
  close(): void {
    this.#open = false;
  }

  /** Asks all to let go after a checkpoint, and waits until they have. */
  async release(intent: Intent, graceMs: number, reason: JobReason): Promise<void> {
    this.close();
    this.#lettingGo = reason;
    for (const attempt of this.#attempts) attempt.release(intent, graceMs, reason);
    const taking = this.#taking.catch(() => undefined); // What failed is told by the loop.
    await Promise.all([taking, ...[...this.#attempts].map((attempt) => attempt.gone)]);
  }

  /** Looks after all leases: with every beat, and when woken. */
  async tend(): Promise<void> {
    await Promise.all([...this.#attempts].map((attempt) => attempt.tend()));
    const { clock } = this.#options;
    if (clock.monotonicMs() - this.#unheardLookMs < UNHEARD_LOOK_MS) return;
    this.#unheardLookMs = clock.monotonicMs();
    await this.#giveBackUnheard();
  }

  /** BD4 */
  async #giveBackUnheard(): Promise<void> {
    const { desk } = this.#options;
    const held = new Set([...this.#attempts].map(({ lease }) => lease.job));
    const before = this.#unheard;
    this.#unheard = new Set();
    for (const { job, fence, record } of await desk.unknownLeases(held)) {
      if (!before.has(fence.token)) {
        this.#unheard.add(fence.token);
        continue;
      }
      await this.#giveBack({ job, fence, record }, "lease_unheard");
      await desk.voids.giveUp(job, fence); // If Redis has lost its memory, and the end of the attempt with it.
    }
  }

  /** BD1 */
  async #draw(): Promise<void> {
    const { drawer, workerId, slots } = this.#options;
    while (this.#open && this.#attempts.size < slots) {
      const queues = this.#drawnFrom();
      if (queues.length === 0) return;
      const taking = this.#takeNext(queues);
      this.#taking = taking;
      if ((await taking) === "taken") continue;
      await drawer.await(queues, workerId);
      return;
    }
  }

  /** BD6. Where all others rest as well none of them counts, and all take what there is. */
  get rests(): boolean {
    return this.#rest.rests(this.#options.clock.monotonicMs());
  }

  #drawnFrom(): readonly string[] {
    const { queues, elsewhere } = this.#options;
    return this.rests ? queues.filter((queue) => elsewhere(queue) === "alone") : queues;
  }

  async #takeNext(queues: readonly string[]): Promise<"taken" | "none"> {
    const { drawer, workerId } = this.#options;
    const ticket = await drawer.draw(queues, workerId);
    if (ticket === null) return "none";
    await this.#take(ticket);
    return "taken";
  }

  async #take(ticket: DrawnTicket): Promise<void> {
    const { desk, logger, attempt } = this.#options;
    const askedMs = machineMs();
    const outcome = await desk.lease(ticket, this.#options.elsewhere(ticket.queue));
    attempt.faults.reach("agent.lease-answer");
    await ticket
      .settle()
      .catch((error: unknown) => logger.debug({ err: error, jobId: ticket.job }, "ticket not settled")); // BD2
    if (outcome.kind === "refused") {
      logger.debug({ jobId: ticket.job, why: outcome.why }, "lease refused");
      return;
    }
    if (this.#lettingGo === null) this.#begin(outcome.lease, askedMs);
    else await this.#giveBack(outcome.lease, this.#lettingGo);
  }

  async #giveBack({ job, fence, record }: Omit<Lease, "lineage">, reason: JobReason): Promise<void> {
    const reply = await this.#options.desk.end(job, fence, record, { kind: "interrupted", reason }, NOTHING_NEW);
    this.#options.logger.warn({ jobId: job, reason, reply: reply.kind }, "lease given back");
  }

  #begin(lease: Lease, askedMs: number): void {
    const deps: AttemptDeps = { ...this.#options.attempt, onStore: (standing) => this.#heardOfStore(standing) };
    const attempt = new Attempt(lease, this.#assignmentOf(lease, askedMs), deps);
    this.#attempts.add(attempt);
    void attempt.gone.then(() => {
      this.#attempts.delete(attempt); // BD3
      this.wake();
    });
  }

  /** BD6 */
  #heardOfStore(standing: "stored" | "away"): void {
    if (standing === "stored") {
      this.#rest.stored();
      return;
    }
    const restMs = this.#rest.away(this.#options.clock.monotonicMs());
    this.#options.logger.warn(
      { restMs },
      "the checkpoint store does not answer: what other workers can take is left to them",
    );
  }

  #assignmentOf({ job, fence, record, lineage }: Lease, askedMs: number): Assignment {
    const number = (field: string, otherwise: number): number => Number(record[field] ?? "") || otherwise;
    const optional = (field: string): number | null => (record[field] ? Number(record[field]) : null);
    const attempt = number("attempts", 1);
    const deadlineAt = optional("deadlineAt");
    return {
      ...this.#options.assignment,
      job,
      task: record["task"] ?? "",
      runs: this.#options.programs.has(record["task"] ?? "") ? "program" : "steps",
      checkpointVersion: number("version", 1),
      input: record["input"] ?? "null",
      attempt,
      array: record["array"]
        ? { id: record["array"], index: Number(record["arrayIndex"]), count: Number(record["arrayCount"]) }
        : null,
      round: number("round", 0),
      fence,
      traceparent: record["traceparent"]
        ? childTraceparent(record["traceparent"], `${job} ${attempt} ${fenceText(fence)}`)
        : null,
      candidates: lineage.map(({ seq, parent, of, manifest, manifestSha256 }) => ({
        seq,
        parent,
        job: of ?? job,
        manifest,
        manifestSha256,
      })),
      submission: submissionOf(record),
      worker: this.#options.workerId,
      zone: record["zone"] ?? "",
      nextSeq: number("nextSeq", 1),
      intervalMs: record["intervalMs"] === "auto" ? "auto" : number("intervalMs", 10_000),
      minIntervalMs: number("minIntervalMs", 1_000),
      maxIntervalMs: number("maxIntervalMs", 600_000),
      checkpointCost: costOf(record),
      mtbfMs: optional("mtbfMs"),
      timeoutMs: optional("timeoutMs"),
      effects: record["effects"] === "outside" ? "outside" : "none",
      confirmedMs: askedMs,
      deadlineInMs: deadlineAt === null ? null : Math.max(0, deadlineAt - this.#options.redisNowMs()),
      workFolder: join(this.#options.workFolder, `${job}-${attempt}-${fence.token.slice(0, 8)}`),
    };
  }
}
