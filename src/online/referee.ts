/**
 * Decides what happens to a request: what an answer means for it, when it is sent again, when it ends.
 * (What silence and losses mean is in `inquest.ts`.)
 *
 * E1 The first valid answer wins; what comes later is counted and dropped.
 * E2 A task that is not idempotent is repeated only when its attempt was taken back, handed back, pushed back, or never
 *    got away.
 * E3 Errors of the task cost: at most 3 attempts, and the budget. Losses and hand-backs cost neither.
 * E4 Nothing is sent after the deadline, nothing is planned for after it.
 * E5 When all is handed over that may be, nothing is hedged: it would take the place of what has not started.
 * E6 What a replica pushes back (`Overloaded`) has not begun: it may go to another one, of any task, within attempts and
 *    budget; but not while others of its task wait for their first turn.
 * E7 While the event loop of some replica stands still, no request is at more than two: it may be the one that brings
 *    replicas to a standstill, and must not do so to all.
 * E8 No request is given to a replica while three may have died of it: lost with it, having it, or having had it without
 *    a word. What nobody has spoken of is waited for until such a death would be known.
 */
import { looksLost } from "../domain/hedge.ts";
import { backoffMs, ONLINE_BACKOFF } from "../domain/retry.ts";
import type { Admission } from "./admission.ts";
import { BudgetBook } from "./budget-book.ts";
import type { Canaries } from "./canaries.ts";
import type { CommandLink } from "./command-link.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { HealthCounts } from "./health-counts.ts";
import { Answered, MAX_LOSSES, type Attempt, type AttemptReason, type Invocation } from "./invocation.ts";
import type { InvocationTable } from "./invocation-table.ts";
import type { ReplicaDirectory } from "./replica-directory.ts";
import type { Scoreboard } from "./scoreboard.ts";
import { GAVE_UP_AT_DEADLINE, type Answer } from "./wire.ts";

/** Attempts of one request that count: the first, retries and hedges. */
const MAX_PAID = 3;
/** Repeats without a pause; after that they wait as retries do, and end at `MAX_FREE`. */
const PROMPT_FREE = 3;
const MAX_FREE = 20;
/** How soon to look again when Redis is away, or nobody is there to send to. */
const LOOK_AGAIN_MS = 50;
/** A task without any live replica for longer than this has no worker; shorter, one is being replaced. */
export const DESERTED_MS = 3_000;

export interface RefereeOptions {
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly link: CommandLink;
  readonly table: InvocationTable;
  readonly dispatcher: Dispatcher;
  readonly directory: ReplicaDirectory;
  readonly scoreboard: Scoreboard;
  readonly canaries: Canaries;
  readonly health: HealthCounts;
  readonly admission: Admission;
}

export class Referee {
  readonly #options: RefereeOptions;
  readonly #budgets = new BudgetBook();

  constructor(options: RefereeOptions) {
    this.#options = options;
  }

  /** A request that was admitted. */
  open(invocation: Invocation, now: number): void {
    const { retry, hedge } = this.#budgets.of(invocation.task);
    retry.deposit(now);
    hedge.deposit(now);
    this.#send(invocation, "first", now);
    if (this.#options.canaries.wantsRequest) this.#probe(invocation, now);
    this.#options.table.schedule(invocation);
  }

  /** A replica gave its answer to an attempt. */
  answered(attempt: Attempt, answer: Answer, now: number): void {
    const { table, scoreboard } = this.#options;
    const { invocation } = attempt;
    attempt.runMs = answer.runUs / 1_000;
    attempt.end(answer.status, now);
    switch (answer.status) {
      case "ok": {
        scoreboard.record(invocation.task, answer.replica, now - attempt.sentAtMs);
        if (invocation.attempts.length > 1) this.#noteOvertaken(attempt, now);
        const { runMs } = attempt;
        const { length } = invocation.attempts;
        const timing = { queueMs: Math.max(0, now - invocation.startedAtMs - runMs), runMs, attempts: length };
        table.finish(invocation, new Answered(invocation, answer.body, timing));
        return;
      }
      case "refused":
        table.finish(invocation, { kind: "refused", message: answer.body, attempts: invocation.traces() });
        return;
      case "not_retryable":
      case "invalid_output":
        invocation.message = answer.body;
        scoreboard.failed(invocation.task, answer.replica);
        this.fail(invocation, answer.status === "invalid_output" ? "invalid_output" : "task");
        return;
      case "error":
        if (answer.body !== GAVE_UP_AT_DEADLINE) scoreboard.failed(invocation.task, answer.replica);
        invocation.message = answer.body;
        this.#retry(invocation, answer, now);
        return;
      case "retry_after":
        invocation.message = answer.body;
        this.#retry(invocation, answer, now);
        return;
      case "overloaded":
        invocation.message = answer.body;
        this.#pushedBack(invocation, answer, now);
        return;
      default:
        this.repeat(invocation, now);
    }
  }

  /** Attempts elsewhere that were sent before the one that has won. */
  #noteOvertaken(winner: Attempt, now: number): void {
    const { invocation, sentAtMs } = winner;
    for (const { open, replica, sentAtMs: thenMs } of invocation.attempts) {
      if (!open || replica === null || replica === winner.replica || thenMs >= sentAtMs) continue;
      this.#options.scoreboard.overtaken(invocation.task, replica, now - thenMs);
    }
  }

  /** Has a parked replica prove itself with this request, if it may run twice and the budgets allow it. */
  #probe(invocation: Invocation, now: number): void {
    const { canaries, dispatcher, health } = this.#options;
    const replica = canaries.probed(invocation.task);
    // A job's attempts are recorded, so nothing is added to them that nobody waits for.
    if (replica === null || !invocation.idempotent || invocation.lease !== null) return;
    if (!invocation.hasOpenAttempt()) return;
    const { retry, hedge } = this.#budgets.of(invocation.task);
    if (!retry.allows(now) || !hedge.allows(now)) return;
    const attempt = dispatcher.probe(invocation, replica, now);
    if (attempt === null) return;
    retry.withdraw(now);
    hedge.withdraw(now);
    health.probed(invocation.task);
    canaries.carried(attempt);
  }

  /** E3: the task failed. */
  #retry(invocation: Invocation, answer: Answer, now: number): void {
    if (invocation.hasOpenAttempt()) return; // Another one runs beside it.
    if (answer.body === GAVE_UP_AT_DEADLINE) {
      this.#tooLate(invocation);
      return;
    }
    const failures = invocation.attempts.filter(({ failed }) => failed).length;
    const prompt = failures === 1 && this.#hasUntried(invocation);
    const pause = prompt ? 0 : backoffMs(ONLINE_BACKOFF, failures, this.#options.random());
    const atMs = now + Math.max(pause, answer.retryAfterMs);
    const may =
      invocation.idempotent && // E2
      invocation.paid < MAX_PAID &&
      atMs < invocation.deadlineAtMs && // E4
      this.#budgets.of(invocation.task).retry.withdraw(now);
    if (may) this.#sendAt(invocation, "retry", atMs, now);
    else this.fail(invocation, "task");
  }

  /** E6: a replica has no room for it. */
  #pushedBack(invocation: Invocation, answer: Answer, now: number): void {
    const { admission, table } = this.#options;
    if (invocation.hasOpenAttempt()) return; // Another one runs beside it.
    const atMs = now + answer.retryAfterMs;
    const may =
      invocation.paid < MAX_PAID &&
      this.#hasUntried(invocation) &&
      atMs < invocation.deadlineAtMs && // E4
      !admission.isCrowded(invocation.task) &&
      this.#budgets.of(invocation.task).retry.withdraw(now);
    if (may) this.#sendAt(invocation, "retry", atMs, now);
    else {
      const detail = `the task pushes back: ${answer.body}`;
      table.finish(invocation, { kind: "no_capacity", detail, retryAfterMs: Math.max(answer.retryAfterMs, 1_000) });
    }
  }

  #hasUntried(invocation: Invocation): boolean {
    const { ready } = this.#options.directory.replicasOf(invocation.task);
    return ready.some(({ id }) => !invocation.attempts.some(({ replica }) => replica === id));
  }

  /** E3: sends it again at no cost, unless another attempt is under way. */
  repeat(invocation: Invocation, now: number): void {
    if (invocation.over || invocation.hasOpenAttempt() || invocation.plan !== null) return;
    invocation.free += 1;
    if (invocation.free > MAX_FREE) {
      invocation.message = `handed back ${MAX_FREE} times; the last: ${invocation.attempts.at(-1)?.outcome ?? "none"}`;
      this.fail(invocation, "task");
      return;
    }
    const extra = invocation.free - PROMPT_FREE;
    const pause = extra > 0 ? backoffMs(ONLINE_BACKOFF, extra, this.#options.random()) : 0;
    this.#sendAt(invocation, "repeat", now + pause, now);
  }

  /** Sends it again when Redis can be reached. */
  repeatSoon(invocation: Invocation, now: number): void {
    invocation.plan ??= { atMs: now + LOOK_AGAIN_MS, why: invocation.paid > 0 ? "repeat" : "first" };
  }

  fail(invocation: Invocation, fault: "task" | "invalid_output"): void {
    const { message } = invocation;
    this.#options.table.finish(invocation, { kind: "failed", fault, message, attempts: invocation.traces() });
  }

  #sendAt(invocation: Invocation, why: AttemptReason, atMs: number, now: number): void {
    if (atMs <= now) this.#send(invocation, why, now);
    else invocation.plan = { atMs, why };
  }

  #send(invocation: Invocation, why: AttemptReason, now: number): void {
    const { link, dispatcher, table } = this.#options;
    invocation.plan = null;
    if (invocation.attempts.length > 0 && !invocation.mayHaveAnother(now)) {
      this.#mayBeDeadly(invocation, why, now); // E8
      return;
    }
    if (!link.usable || dispatcher.send(invocation, why, now) === null) {
      this.#stuck(invocation, why, now);
      return;
    }
    invocation.stuckSinceMs = null;
    if (why === "repeat") table.counts.repeats += 1;
    else invocation.paid += 1;
    if (why === "retry") table.counts.retries += 1;
    this.#planHedge(invocation, now);
  }

  /** E8 */
  #mayBeDeadly(invocation: Invocation, why: AttemptReason, now: number): void {
    if (invocation.losses >= MAX_LOSSES) this.failAsDeadly(invocation);
    else if (invocation.refuseAtMs !== null && now >= invocation.refuseAtMs) {
      this.#options.table.finish(invocation, { kind: "unavailable", detail: "Redis does not answer" });
    } else invocation.plan = { atMs: now + LOOK_AGAIN_MS, why };
  }

  /** Too many replicas were lost with it. */
  failAsDeadly(invocation: Invocation): void {
    invocation.message = `lost ${MAX_LOSSES} times together with the replica that ran it`;
    this.fail(invocation, "task");
  }

  /** Nobody to send to, or no Redis: looks again until it is clear that nothing will come of it. */
  #stuck(invocation: Invocation, why: AttemptReason, now: number): void {
    const { link, table } = this.#options;
    if (!link.usable && invocation.refuseAtMs !== null && now >= invocation.refuseAtMs) {
      table.finish(invocation, { kind: "unavailable", detail: "Redis does not answer" });
      return;
    }
    // Time without Redis says nothing about the replicas.
    invocation.stuckSinceMs = link.usable ? (invocation.stuckSinceMs ?? now) : null;
    if (invocation.stuckSinceMs !== null && now - invocation.stuckSinceMs > DESERTED_MS) {
      table.finish(invocation, { kind: "no_worker" });
    } else invocation.plan = { atMs: now + LOOK_AGAIN_MS, why };
  }

  /** The timer of a request: what was planned for now. */
  due(invocation: Invocation, now: number): void {
    if (now >= invocation.deadlineAtMs) {
      this.#tooLate(invocation);
      return;
    }
    if (invocation.plan !== null && now >= invocation.plan.atMs) this.#send(invocation, invocation.plan.why, now);
    if (invocation.hedgeAtMs !== null && now >= invocation.hedgeAtMs) this.#hedge(invocation, now);
  }

  #tooLate(invocation: Invocation): void {
    const kind = invocation.doubtful ? "outcome_unknown" : "deadline";
    this.#options.table.finish(invocation, { kind, attempts: invocation.traces() });
  }

  #planHedge(invocation: Invocation, now: number): void {
    const { scoreboard } = this.#options;
    invocation.hedgeAtMs =
      invocation.idempotent && invocation.paid < MAX_PAID
        ? now + scoreboard.hedgeDelayMs(invocation.task, invocation.deadlineMs)
        : null;
  }

  /** Starts another attempt beside a slow one, if the budgets allow it; else looks again after another delay. */
  #hedge(invocation: Invocation, now: number): void {
    const { link, dispatcher, table, admission } = this.#options;
    const { retry, hedge } = this.#budgets.of(invocation.task);
    this.#planHedge(invocation, now);
    if (admission.isFull(invocation.task)) return; // E5
    if (invocation.plan !== null || !invocation.hasOpenAttempt() || !this.#mayHaveCompanion(invocation, now)) return;
    if (!link.usable || link.silent || !retry.allows(now)) return;
    if (!hedge.allows(now) && !invocation.attempts.some((attempt) => this.#looksLost(attempt, now))) return;
    if (dispatcher.send(invocation, "hedge", now) === null) return;
    retry.withdraw(now);
    hedge.withdraw(now);
    invocation.paid += 1;
    table.counts.hedges += 1;
    this.#planHedge(invocation, now);
  }

  /** E7, E8 */
  #mayHaveCompanion(invocation: Invocation, now: number): boolean {
    if (!invocation.mayHaveAnother(now)) return false;
    const open = invocation.attempts.filter((attempt) => attempt.open).length;
    return open < 2 || !this.#options.directory.anyStandsStill(invocation.task);
  }

  #looksLost({ open, state, replica, sentAtMs }: Attempt, now: number): boolean {
    const taker = state === "taken" ? replica : null;
    const silenceMs = taker === null ? null : this.#options.directory.silenceMs(taker);
    return open && looksLost({ ageMs: now - sentAtMs, silenceMs });
  }

  /** Starts another attempt beside those that a suspect replica has; it costs nothing. */
  standIn(invocation: Invocation, now: number): void {
    const { link, dispatcher, table } = this.#options;
    if (!invocation.mayHaveAnother(now)) return; // E8: when the replica is lost, it is counted.
    if (!link.usable || dispatcher.send(invocation, "hedge", now) === null) return;
    table.counts.repeats += 1;
    table.schedule(invocation);
  }
}
