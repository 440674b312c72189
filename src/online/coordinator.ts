/**
 * The API's end of the online path: takes a request, gets it answered by some replica, within its deadline.
 *
 * The process that holds the caller's connection holds the request too, with its deadline and the right to try
 * elsewhere; Redis carries words between it and the replicas and keeps none of it. When this process dies, its callers
 * have lost their connection anyway.
 *
 * C1 A request that cannot be served is refused at once: no Redis, no worker, too many under way.
 * C2 Every request ends, with exactly one outcome, at its deadline at the latest.
 * C3 `begin` never throws, and its outcome never rejects.
 */
import type { Keys } from "../redis/keys.ts";
import { RedisClock } from "../redis/redis-clock.ts";
import type { Clock } from "../runtime/clock.ts";
import type { FaultPoints } from "../runtime/fault-points.ts";
import type { Logger } from "../runtime/logger.ts";
import { ServiceGroup, type Service } from "../runtime/service.ts";
import { Admission, type EarlyRequest, type GateView } from "./admission.ts";
import { Canaries } from "./canaries.ts";
import { CommandLink } from "./command-link.ts";
import { Dispatcher } from "./dispatcher.ts";
import { ConsumptionWatch } from "./consumption-watch.ts";
import { Ejection } from "./ejection.ts";
import { HealthCounts } from "./health-counts.ts";
import { Hearing } from "./hearing.ts";
import { Inquest } from "./inquest.ts";
import {
  entryOf,
  Invocation,
  type Attempt,
  headOf,
  type InvocationLease,
  type InvokeOutcome,
  type InvokeRequest,
} from "./invocation.ts";
import { closedHandle, OpenHandle, type InvocationHandle } from "./invocation-handle.ts";
import { InvocationTable, type OnlineCounts } from "./invocation-table.ts";
import { LeftAnswer } from "./left-answer.ts";
import { ListReader } from "./list-reader.ts";
import { Outbox } from "./outbox.ts";
import { DESERTED_MS, Referee } from "./referee.ts";
import { ReplicaDirectory, type ReplicaView, type TaskReplicas } from "./replica-directory.ts";
import { requestIds } from "./request-id.ts";
import { Scoreboard } from "./scoreboard.ts";
import { TimerWheel } from "./timer-wheel.ts";
import { Verifier } from "./verifier.ts";

/** C1: at most so many requests in one process, under way and waiting; what waits is bounded by `Admission` too. */
const MAX_HELD = 20_000;
/** After the longest deadline and this much more, a task list that nobody reads is gone. */
const LIST_MARGIN_MS = 10_000;
const ANSWERS_AT_A_TIME = 512;
/** After a pause of the process, or of Redis, nobody is judged by what was seen in it. */
const HELD_UP_MS = 600;

export interface OnlineCoordinatorOptions {
  readonly redisUrl: string;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Logger;
  /** Names this process and this start of it: its answers come under this name. */
  readonly apiId: string;
  /** The longest deadline that a request may have; default: a minute. */
  readonly longestDeadlineMs?: number;
  /** Draws a number in [0, 1); default: Math.random. */
  readonly random?: () => number;
  /** Default: none. */
  readonly faults?: FaultPoints;
}

export class OnlineCoordinator implements Service {
  readonly name = "online-coordinator";
  readonly #options: OnlineCoordinatorOptions;
  readonly #link: CommandLink;
  readonly #directory: ReplicaDirectory;
  readonly #redisClock: RedisClock;
  readonly #scoreboard: Scoreboard;
  readonly #canaries: Canaries;
  readonly #ejection: Ejection;
  readonly #watch: ConsumptionWatch;
  /** What was found out about replicas. */
  readonly health = new HealthCounts();
  readonly #table: InvocationTable;
  readonly #admission: Admission;
  readonly #referee: Referee;
  readonly #inquest: Inquest;
  readonly #outbox: Outbox;
  readonly #wheel: TimerWheel;
  readonly #reader: ListReader;
  readonly #services: ServiceGroup;
  readonly #nextId: () => string;
  readonly #nowMs: () => number;
  #open = false;
  #judgedAtMs = 0;

  constructor(options: OnlineCoordinatorOptions) {
    const { redisUrl: url, keys, clock, log, apiId, random = Math.random } = options;
    if (!/^[\w.-]+$/.test(apiId)) throw new TypeError(`apiId "${apiId}" is not one word of letters, digits, . _ -`);
    this.#options = options;
    const nowMs = (): number => clock.monotonicMs();
    this.#nowMs = nowMs;
    const link = new CommandLink({ url, label: `api-${apiId}`, log });
    this.#link = link;
    this.#nextId = requestIds(() => clock.nowMs(), random);
    this.#redisClock = new RedisClock({ client: () => link.client, key: keys.replicas, clock });
    const directory = new ReplicaDirectory({
      link,
      key: keys.replicas,
      clock,
      log,
      onRead: (changes, standingStill) => {
        for (const { id, to } of changes) {
          if (to === "suspect") this.#inquest.replicaSuspect(id);
          else if (to === "lost" || to === "gone") this.#inquest.replicaLeft(id, to);
        }
        for (const id of standingStill) this.#inquest.replicaStandsStill(id);
        this.#inquest.checkDeserted();
        this.#judge();
        this.#admission.refresh();
      },
    });
    this.#directory = directory;
    this.#scoreboard = new Scoreboard(directory);
    this.#wheel = new TimerWheel({ monotonicMs: nowMs });
    const outbox = new Outbox(link, (options.longestDeadlineMs ?? 60_000) + LIST_MARGIN_MS, options.faults);
    this.#outbox = outbox;
    const verifier = new Verifier({ link, outbox, keys, redisNowMs: () => this.#redisClock.nowMs() });
    const table = new InvocationTable({
      wheel: this.#wheel,
      verifier,
      nowMs,
      onEnd: (invocation) => this.#admission.ended(invocation),
    });
    this.#table = table;
    const admission = new Admission({
      nowMs,
      random,
      table,
      hindrance: (task) => this.#hindrance(task),
      isSilent: () => link.silent,
      look: (task) => this.#look(task),
      enter: (invocation, now) => this.#enter(invocation, now),
    });
    this.#admission = admission;
    const dispatcher = new Dispatcher({ directory, outbox, keys, random });
    const redisNowMs = (): number => this.#redisClock.nowMs();
    const canaries = new Canaries({ nowMs, redisNowMs, link, outbox, keys, apiId });
    this.#canaries = canaries;
    const { health } = this;
    const order = (replica: string, task: string, forMs: number): void => verifier.park(replica, task, forMs, apiId);
    this.#watch = new ConsumptionWatch({ nowMs, link, keys, directory, canaries, apiId, counts: health, log });
    this.#ejection = new Ejection({ nowMs, directory, canaries, order, counts: health, log });
    const scoreboard = this.#scoreboard;
    const referee = new Referee({
      nowMs,
      random,
      link,
      table,
      dispatcher,
      directory,
      scoreboard,
      admission,
      canaries,
      health,
    });
    this.#referee = referee;
    this.#inquest = new Inquest({ nowMs, link, table, referee, directory, verifier });
    link.onUp(() => {
      this.#admission.redisIsBack();
      this.#inquest.redisIsBack();
    });
    link.onDown(() => this.#admission.redisIsAway());
    const inquest = this.#inquest;
    const hearing = new Hearing({
      nowMs,
      log,
      apiId,
      table,
      canaries,
      verifier,
      inquest,
      directory,
      admission,
      referee,
    });
    const replies = [keys.replies(apiId)];
    this.#reader = new ListReader({
      name: `replies-${apiId}`,
      url,
      log,
      lists: () => replies,
      capacity: () => ANSWERS_AT_A_TIME,
      accept: (entries) => {
        for (const entry of entries) hearing.hear(entry);
      },
    });
    this.#services = new ServiceGroup(this.name, [link, this.#redisClock, directory, this.#reader]);
  }

  /** @throws Error when Redis does not answer within 30 s */
  async start(): Promise<void> {
    await this.#services.start();
    this.#open = true;
  }

  /** Requests still under way end as `unavailable`: the API stops taking requests before, and waits for them. */
  async stop(): Promise<void> {
    this.#open = false;
    for (const invocation of this.#table.all()) {
      this.#table.finish(invocation, { kind: "unavailable", detail: "this process is going away" });
    }
    this.#ejection.releaseAll();
    await this.#reader.cut();
    await this.#outbox.close();
    await this.#services.stop();
    this.#wheel.stop();
  }

  /** Answers `request`, whatever it takes. */
  invoke(request: InvokeRequest): Promise<InvokeOutcome> {
    return this.begin(request).outcome;
  }

  /** Would it be refused at once? Asked before its body is read; a refusal counts. Null: `begin` will tell. */
  refuseEarly(request: EarlyRequest): InvokeOutcome | null {
    const refusal = this.#refusal(request.task) ?? this.#admission.wouldRefuse(request);
    return refusal === null ? null : this.#table.count(refusal);
  }

  /** As `invoke`, with a way to abort that costs nothing when it is not used. */
  begin(request: InvokeRequest): InvocationHandle {
    const id = request.lease?.job ?? this.#nextId();
    const refusal = this.#refusal(request.task);
    if (refusal !== null) return closedHandle(id, this.#table.count(refusal));
    const nowMs = this.#nowMs();
    let resolve: (outcome: InvokeOutcome) => void = NOTHING;
    const outcome = new Promise<InvokeOutcome>((settle) => (resolve = settle));
    const invocation = this.#invocation(request, id, nowMs, resolve);
    const handle = new OpenHandle(this.#table, invocation, outcome);
    this.#admission.admit(invocation);
    const { signal } = request;
    if (signal !== undefined) {
      const abort = (): void => handle.abort();
      signal.addEventListener("abort", abort, { once: true });
      void outcome.then(() => signal.removeEventListener("abort", abort));
      if (signal.aborted) abort();
    }
    return handle;
  }

  /** Its turn has come. */
  #enter(invocation: Invocation, now: number): void {
    const { beforeSend } = invocation;
    if (beforeSend === null) {
      this.#referee.open(invocation, now);
      return;
    }
    this.#table.schedule(invocation); // The deadline holds meanwhile.
    void beforeSend().then((may) => {
      if (invocation.over) return;
      if (may) this.#referee.open(invocation, this.#nowMs());
      else this.#table.finish(invocation, { kind: "aborted" });
    });
  }

  #invocation(
    request: InvokeRequest,
    id: string,
    nowMs: number,
    resolve: (outcome: InvokeOutcome) => void,
  ): Invocation {
    return new Invocation({
      request,
      id,
      api: this.#options.apiId,
      nowMs,
      expiresAtMs: request.lease?.expiresAtMs ?? this.expiresAtMs(request.deadlineMs),
      events: this,
      resolve,
    });
  }

  /** An id for a request that gets its record before it begins. */
  newId(): string {
    return this.#nextId();
  }

  /** The end of a deadline on the clock that replicas compare with. */
  expiresAtMs(deadlineMs: number): number {
    return Math.floor(this.#redisClock.nowMs() + deadlineMs);
  }

  /** What `begin` will send first, without the input. */
  entryHead(request: InvokeRequest & { readonly lease: InvocationLease }): string {
    const { job, attemptsBefore } = request.lease;
    return headOf(
      entryOf(
        this.#invocation(request, job, this.#nowMs(), () => undefined),
        attemptsBefore + 1,
      ),
    );
  }

  /**
   * Takes what another process has sent out of the task's list.
   * @returns true: nobody has started it, or ever will
   * @throws RedisFault
   */
  async withdraw(task: string, entryHead: string, input: string): Promise<boolean> {
    const list = this.#options.keys.taskList(task);
    return (await this.#link.run((client) => client.lrem(list, 1, `${entryHead}\n${input}`))) === 1;
  }

  /** C1 */
  #refusal(task: string): InvokeOutcome | null {
    const hindrance = this.#hindrance(task);
    if (hindrance !== null || this.#table.size < MAX_HELD) return hindrance;
    return { kind: "no_capacity", detail: "this process has too many requests", retryAfterMs: 1_000 };
  }

  /** Why nothing of a task can be served at present. */
  #hindrance(task: string): InvokeOutcome | null {
    if (!this.#open) return { kind: "unavailable", detail: "this process does not serve" };
    if (!this.#link.usable) return { kind: "unavailable", detail: "Redis does not answer" };
    return this.#directory.deserted(task) > DESERTED_MS ? { kind: "no_worker" } : null;
  }

  /** What the limit of a task has to know of its replicas: their slots for it, and how far away they are. */
  #look(task: string): { readonly slots: number; readonly wayMs: number } {
    const ownMs = 2 * this.#redisClock.errorMs;
    let slots = 0;
    let farthestMs = 0;
    for (const { beat } of this.#directory.replicasOf(task).live) {
      const { most = beat.slots, parked = false } = beat.tasks[task] ?? {};
      if (beat.state === "ready" && beat.unfit === null && parked !== true) slots += most;
      farthestMs = Math.max(farthestMs, beat.roundTripMs ?? ownMs);
    }
    // Its answer comes back, and the next request goes there: once through each of the two connections, there and back.
    return { slots, wayMs: ownMs + farthestMs };
  }

  /** Where the answer to what a lost process has sent will be, if one comes. @param entryHead as it was noted */
  leftAnswer(entryHead: string): LeftAnswer {
    const workerOf = (replica: string): string | null => this.#directory.find(replica)?.worker ?? null;
    return new LeftAnswer({ link: this.#link, keys: this.#options.keys, workerOf }, entryHead);
  }

  /** The live replicas of a task, as this process sees them. */
  replicasOf(task: string): TaskReplicas {
    return this.#directory.replicasOf(task);
  }

  /** How each task stands at the door. */
  gates(): readonly GateView[] {
    return this.#admission.view();
  }

  /** All replicas that are not known to be lost, by id, as their beats tell them. */
  replicas(): ReplicaView[] {
    return this.#directory.views();
  }

  /** Requests under way, and counts since the start. */
  stats(): { readonly underWay: number } & Readonly<OnlineCounts> {
    return { underWay: this.#table.size, ...this.#table.counts };
  }

  /** Is called by the timer of an invocation. */
  due(invocation: Invocation): void {
    if (this.#admission.due(invocation)) return;
    const now = this.#nowMs();
    this.#referee.due(invocation, now);
    this.#inquest.due(invocation, now);
    this.#table.schedule(invocation);
  }

  /** Is called by an attempt whose push failed. */
  notPushed(attempt: Attempt, fault: Parameters<Inquest["notPushed"]>[1]): void {
    this.#inquest.notPushed(attempt, fault);
  }

  /** After each reading of the beats. */
  #judge(): void {
    const now = this.#nowMs();
    const heldUp = now - this.#judgedAtMs > HELD_UP_MS;
    this.#judgedAtMs = now;
    if (heldUp) {
      this.#scoreboard.forgetConduct();
      this.#canaries.forget();
      this.#admission.excuse();
    }
    const judged = this.#scoreboard.refresh(this.#table.unfinished(now));
    if (!heldUp) this.#ejection.round(judged);
    this.#canaries.round();
    if (!heldUp && this.#link.usable) this.#watch.round();
  }
}

const NOTHING = (): void => undefined;
