/**
 * One online request and its attempts, as the API process that answers it sees them. Data; what happens to it is
 * decided in `referee.ts` and `inquest.ts`.
 *
 * States of an attempt:
 *   pushing  handed to the outbox
 *   pushed   in a list, or popped by somebody who has not said so yet
 *   taken    a replica said that it has it
 *   over     answered, withdrawn, or given up; an `ok` that comes late is good all the same
 */
import { REPLICA_BEATS } from "../domain/beat-judge.ts";
import type { Fence } from "../domain/fence.ts";
import type { Priority } from "../domain/priority.ts";
import { childTraceparent } from "../domain/trace-context.ts";
import type { Place } from "../domain/waiting-room.ts";
import type { RedisFault } from "../redis/fault.ts";
import type { Parcel } from "./outbox.ts";
import { WheelTimer } from "./timer-wheel.ts";
import { encodeTask } from "./wire.ts";

/** A request whose replicas were lost so often, while they had it, is not given another one to kill. */
export const MAX_LOSSES = 3;
/** Until then it would be known that a replica has died of what was given up without a word: even if so many die that
 *  nobody is called lost at first. */
export const FELT_MS = REPLICA_BEATS.panicMs + REPLICA_BEATS.lostMs + 1_000;
/** Endings without anybody's word: whoever took the attempt may have died of it. */
const WORDLESS: ReadonlySet<string> = new Set(["lost", "unconfirmed", "probe"]);

export interface InvokeRequest {
  readonly task: string;
  /** The definitions that take this input, newest first. */
  readonly definitions: readonly DefinitionChoice[];
  /** Raw JSON. */
  readonly input: string;
  readonly deadlineMs: number;
  /** Whose share it counts on; those that are not told apart are one. */
  readonly caller?: string;
  readonly priority?: Priority;
  /** `on the line`: somebody waits for the answer now (the default). `in turn`: it may wait as its deadline allows. */
  readonly urgency?: "on the line" | "in turn";
  /** Aborts the request. `begin` has a cheaper way. */
  readonly signal?: AbortSignal;
  /** W3C traceparent of whoever asks, valid; the handler gets a child of it. */
  readonly traceparent?: string | null;
  /** Of a job: the right to run it. */
  readonly lease?: InvocationLease;
  /** What has to be done before the first attempt is sent; false: it must not be. Never rejects. */
  readonly beforeSend?: BeforeSend;
}

export type BeforeSend = () => Promise<boolean>;

/** What an invocation takes over from the record of its job. */
export interface InvocationLease {
  readonly job: string;
  /** Attempts that were made before. */
  readonly attemptsBefore: number;
  readonly fence: Pick<Fence, "generation" | "counter">;
  /** Nothing starts after it: Redis's clock, whole ms. */
  readonly expiresAtMs: number;
}

/** What of a TaskInfo matters here. */
export interface DefinitionChoice {
  readonly definition: string;
  readonly idempotent: boolean | null;
}

export interface AttemptTrace {
  readonly number: number;
  /**
   * first; retry after an error; hedge beside a slow one; repeat after a loss or a hand-back; probe: a copy for a
   * replica that is parked and has to prove itself.
   */
  readonly why: AttemptReason;
  readonly replica: string | null;
  readonly worker: string | null;
  readonly outcome: string;
  readonly queueMs: number | null;
  readonly runMs: number | null;
  /** When it was sent, and when it was over, ms from the beginning of the request. */
  readonly sentMs: number;
  readonly endedMs: number | null;
}
export type AttemptReason = "first" | "retry" | "hedge" | "repeat" | "probe";

export type InvokeOutcome =
  | {
      readonly kind: "answered";
      /** Raw JSON. */
      readonly output: string;
      readonly timing: { readonly queueMs: number; readonly runMs: number; readonly attempts: number };
      /** Made when it is asked for. */
      readonly trace: readonly AttemptTrace[];
    }
  /** The task refuses the input. */
  | { readonly kind: "refused"; readonly message: string; readonly attempts: readonly AttemptTrace[] }
  | {
      readonly kind: "failed";
      readonly fault: "task" | "invalid_output";
      readonly message: string;
      readonly attempts: readonly AttemptTrace[];
    }
  /** It may have run, and it must not run twice. */
  | { readonly kind: "outcome_unknown"; readonly attempts: readonly AttemptTrace[] }
  | { readonly kind: "no_worker" }
  /** Refused, and never started. */
  | { readonly kind: "no_capacity"; readonly detail: string; readonly retryAfterMs: number }
  /** The same, because its caller has more under way and waiting than its `share` of requests at a time. */
  | { readonly kind: "over_share"; readonly share: number; readonly retryAfterMs: number }
  | { readonly kind: "deadline"; readonly attempts: readonly AttemptTrace[] }
  | { readonly kind: "unavailable"; readonly detail: string }
  | { readonly kind: "aborted" };

/** The outcome of most requests: what few ask for is not made for all. */
export class Answered {
  readonly kind = "answered";
  readonly output: string;
  readonly timing: { readonly queueMs: number; readonly runMs: number; readonly attempts: number };
  readonly #invocation: Invocation;

  constructor(invocation: Invocation, output: string, timing: Answered["timing"]) {
    this.#invocation = invocation;
    this.output = output;
    this.timing = timing;
  }

  get trace(): readonly AttemptTrace[] {
    return this.#invocation.traces();
  }
}

export type AttemptState = "pushing" | "pushed" | "taken" | "over";

/** Whom attempts and invocations tell. */
export interface InvocationEvents {
  due(invocation: Invocation): void;
  notPushed(attempt: Attempt, fault: RedisFault): void;
}

export class Attempt implements Parcel {
  readonly invocation: Invocation;
  readonly number: number;
  readonly why: AttemptReason;
  /** The replica it was sent to alone; null: the task's list. */
  readonly target: string | null;
  /** Monotonic. */
  readonly sentAtMs: number;
  readonly text: string;
  state: AttemptState = "pushing";
  /** The replica that has it, as far as known. */
  replica: string | null;
  worker: string | null;
  outcome = "open";
  /** When it is to be looked after, if nothing was heard by then; monotonic. */
  checkAtMs: number;
  /** Since when it is known to be in no list, without anybody having said that he took it. */
  vanishedAtMs: number | null = null;
  /** Pushed, but Redis never said so. */
  unconfirmed = false;
  /** Has it been found out, one way or the other, whether a replica was lost with it? */
  accounted = false;
  runMs: number | null = null;
  endedAtMs: number | null = null;

  constructor(options: {
    readonly invocation: Invocation;
    readonly why: AttemptReason;
    readonly target: { readonly id: string; readonly worker: string } | null;
    readonly sentAtMs: number;
    readonly checkAtMs: number;
  }) {
    const { invocation, why, target } = options;
    this.invocation = invocation;
    this.number = invocation.attemptsBefore + invocation.attempts.length + 1;
    this.why = why;
    this.target = target?.id ?? null;
    this.replica = this.target;
    this.worker = target?.worker ?? null;
    this.sentAtMs = options.sentAtMs;
    this.checkAtMs = options.checkAtMs;
    this.text = entryOf(invocation, this.number);
  }

  get open(): boolean {
    return this.state !== "over";
  }

  /** By the task's own fault. */
  get failed(): boolean {
    return this.outcome === "error" || this.outcome === "retry_after";
  }

  get wanted(): boolean {
    return this.open;
  }

  /** It was given up without a word a moment ago: a replica may have died of it, and nobody can have noticed. */
  mayProveDeadly(nowMs: number): boolean {
    return WORDLESS.has(this.outcome) && !this.accounted && nowMs - (this.endedAtMs ?? nowMs) < FELT_MS;
  }

  pushed(): void {
    // The answer may have been quicker than Redis's word that it has the question.
    if (this.state === "pushing") this.state = "pushed";
  }

  notPushed(fault: RedisFault): void {
    if (this.state === "pushing") this.invocation.events.notPushed(this, fault);
  }

  end(outcome: string, nowMs: number): void {
    this.state = "over";
    this.outcome = outcome;
    this.endedAtMs = nowMs;
  }

  trace(): AttemptTrace {
    const { number, why, replica, worker, outcome, runMs, endedAtMs, sentAtMs, invocation } = this;
    const queueMs = runMs === null || endedAtMs === null ? null : Math.max(0, endedAtMs - sentAtMs - runMs);
    const endedMs = endedAtMs === null ? null : endedAtMs - invocation.startedAtMs;
    return {
      number,
      why,
      replica,
      worker,
      outcome,
      queueMs,
      runMs,
      sentMs: sentAtMs - invocation.startedAtMs,
      endedMs,
    };
  }
}

/** What was sent first, or will be when its turn comes. */
export function firstTextOf(invocation: Invocation): string {
  return invocation.attempts[0]?.text ?? entryOf(invocation, invocation.attemptsBefore + 1);
}

/** What is sent as attempt `number`: the same text for the same lease, so that another process can find it again. */
export function entryOf(invocation: Invocation, number: number): string {
  const { id, api, trace } = invocation;
  return encodeTask({
    id,
    attempt: number,
    api,
    expiresAtMs: invocation.expiresAtMs,
    definitions: invocation.definitions,
    trace: trace === null ? null : childTraceparent(trace, `${id} ${number} ${api}`),
    fence: invocation.fenceOf(number),
    input: invocation.input,
  });
}

/** An entry without its input. */
export function headOf(entry: string): string {
  const end = entry.indexOf("\n");
  return end < 0 ? entry : entry.slice(0, end);
}

/** More attempts than one lease can have. */
const ATTEMPTS_PER_LEASE = 1_000;

export class Invocation extends WheelTimer {
  readonly id: string;
  readonly api: string;
  readonly task: string;
  readonly idempotent: boolean;
  readonly definitions: readonly string[];
  readonly input: string;
  readonly trace: string | null;
  readonly lease: InvocationLease | null;
  readonly attemptsBefore: number;
  beforeSend: BeforeSend | null;
  readonly caller: string;
  readonly priority: Priority;
  readonly urgency: "on the line" | "in turn";
  readonly deadlineMs: number;
  /** Monotonic. */
  readonly startedAtMs: number;
  readonly deadlineAtMs: number;
  /** Redis's clock. */
  readonly expiresAtMs: number;
  readonly events: InvocationEvents;
  readonly resolve: (outcome: InvokeOutcome) => void;
  readonly attempts: Attempt[] = [];
  over = false;
  /** Where it waits to be handed over; null: not any more, or never did. */
  place: Place<Invocation> | null = null;
  /** Has it been handed over to the replicas? */
  handedOver = false;
  /** Attempts that count: the first, retries, hedges. */
  paid = 0;
  /** Repeats that cost nothing. */
  free = 0;
  /** Attempts that were lost after a replica had taken them. */
  losses = 0;
  /** When the next attempt is to be sent, and why; null: none is planned. */
  plan: { readonly atMs: number; readonly why: AttemptReason } | null = null;
  /** When a hedge may be started; null: not any more. */
  hedgeAtMs: number | null = null;
  /** Since when no replica could be found for the next attempt. */
  stuckSinceMs: number | null = null;
  /** A submission that Redis did not confirm is refused at this time, if it could not be sent again by then. */
  refuseAtMs: number | null = null;
  /** A push that may or may not have reached Redis, of a task that must not run twice. */
  doubtful = false;
  /** The latest message of the task. */
  message = "";

  constructor(options: {
    readonly request: InvokeRequest;
    readonly id: string;
    readonly api: string;
    readonly nowMs: number;
    readonly expiresAtMs: number;
    readonly events: InvocationEvents;
    readonly resolve: (outcome: InvokeOutcome) => void;
  }) {
    super();
    const { request, nowMs } = options;
    this.id = options.id;
    this.api = options.api;
    this.task = request.task;
    this.definitions = request.definitions.map(({ definition }) => definition);
    // While two definitions live, the stricter word counts.
    this.idempotent = request.definitions.every(({ idempotent }) => idempotent === true);
    this.input = request.input;
    this.trace = request.traceparent ?? null;
    this.lease = request.lease ?? null;
    this.attemptsBefore = this.lease?.attemptsBefore ?? 0;
    this.beforeSend = request.beforeSend ?? null;
    this.caller = request.caller ?? "anonymous";
    this.priority = request.priority ?? "default";
    this.urgency = request.urgency ?? "on the line";
    this.deadlineMs = request.deadlineMs;
    this.startedAtMs = nowMs;
    this.deadlineAtMs = nowMs + request.deadlineMs;
    this.expiresAtMs = options.expiresAtMs;
    this.events = options.events;
    this.resolve = options.resolve;
  }

  override fire(): void {
    this.events.due(this);
  }

  /**
   * The fence of an attempt as handlers see it, null without a lease: leases of a job grow, and attempts within one
   * (F1 of `domain/fence.ts`).
   */
  fenceOf(number: number): string | null {
    if (this.lease === null) return null;
    const { generation, counter } = this.lease.fence;
    return `${generation}.${counter * ATTEMPTS_PER_LEASE + number}`;
  }

  /** The attempt with this number. */
  attempt(number: number): Attempt | undefined {
    return this.attempts[number - this.attemptsBefore - 1];
  }

  traces(): AttemptTrace[] {
    return this.attempts.map((attempt) => attempt.trace());
  }

  hasOpenAttempt(): boolean {
    return this.attempts.some(({ open }) => open);
  }

  /** May it be given to one more replica, even if each that has it, or may have had it, dies of it? */
  mayHaveAnother(nowMs: number): boolean {
    const perhaps = this.attempts.filter((one) => one.open || one.mayProveDeadly(nowMs));
    return this.losses + perhaps.length < MAX_LOSSES;
  }

  /** A replica was lost with this attempt. */
  countLoss(attempt: Attempt): void {
    attempt.accounted = true;
    this.losses += 1;
  }
}
