/**
 * The door of the online path: who is handed over to the replicas, who waits for it, who is refused at once.
 *
 * Admission is by task, caller, priority and deadline, whatever the request is to be answered with.
 *
 * A request that comes with a body is judged twice: before the body is read (`wouldRefuse`, which keeps nothing), and
 * when it is there (`admit`). One judgement that reserves a place until the body has come would be shorter, and worse:
 * whoever sends heads and no bodies would hold places that others could use, so each reservation would need a time of
 * its own to run out, and to be given back on every way out between the two (too large, no JSON, does not fit, broken
 * off). While there is room the first look costs two comparisons; when there is none it is what saves reading and
 * checking what is refused.
 *
 * D1 Of each task at most as many are handed over as `ConcurrencyLimit` allows; the rest waits here, in the order of
 *    `WaitingRoom`.
 * D2 What will not get its turn in time (`judgeProspect`) is refused when it comes, within a turn of the event loop.
 * D3 What waits is bounded, in number and size. When there is no room for more, who comes takes the place of a request
 *    of lower priority, or of the caller that has most, or is refused.
 * D4 Nothing is handed over that could not even run before its deadline; nothing waits for longer than that.
 * D5 What cannot be served at all (no Redis, no worker, going away) does not wait.
 * D6 Who leaves frees the place in the same turn.
 * D7 While Redis is silent, nobody is refused for what does not come back: whoever finds no place waits, until Redis
 *    speaks again, or is known to be away. The same when it is back, until a first answer shows that the replicas have
 *    found it too, for as long as they may take.
 */
import { judgeProspect, startsTooLate } from "../domain/admission.ts";
import type { AnswerTimes } from "../domain/concurrency-limit.ts";
import { PRIORITY_ORDER } from "../domain/priority.ts";
import type { Invocation, InvokeOutcome } from "./invocation.ts";
import type { InvocationTable } from "./invocation-table.ts";
import { TaskGate } from "./task-gate.ts";

/** D7: replicas are to consume again so long after Redis is back. */
const FOUND_AGAIN_MS = 3_000;
/** D3: over all tasks. */
const MAX_WAITING = 10_000;
const MAX_WAITING_CHARACTERS = 128 * 1_024 * 1_024;
/** Tasks whose gates are remembered; more only while they are in use. */
const MAX_IDLE_GATES = 1_000;

/** What is known of a request before its body is read. */
export type EarlyRequest = Pick<Invocation, "task" | "caller" | "priority" | "deadlineMs">;
/** What a prospect depends on. */
type Asking = Pick<Invocation, "caller" | "priority" | "urgency" | "deadlineMs" | "deadlineAtMs">;

const REDIS_SILENT: InvokeOutcome = { kind: "unavailable", detail: "Redis does not answer" };

export interface AdmissionOptions {
  readonly nowMs: () => number;
  /** Draws a number in [0, 1). */
  readonly random: () => number;
  readonly table: InvocationTable;
  /** D5: why nothing of this task can be served at present; null: it can. */
  readonly hindrance: (task: string) => InvokeOutcome | null;
  /** D7 */
  readonly isSilent: () => boolean;
  /** What a task has at present: slots of its replicas for it, and how far away they are. */
  readonly look: (task: string) => { readonly slots: number; readonly wayMs: number };
  /** Hands a request over. */
  readonly enter: (invocation: Invocation, nowMs: number) => void;
}

/** What a task looks like at the door. */
export interface GateView {
  readonly task: string;
  readonly limit: number;
  readonly underWay: number;
  readonly waiting: number;
}

export class Admission {
  readonly #options: AdmissionOptions;
  #redisAway = false;
  #backAtMs = Number.NEGATIVE_INFINITY;
  readonly #gates = new Map<string, TaskGate>();
  #waiting = 0;
  #waitingCharacters = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** A request has come: it is handed over, waits, or has ended when this returns. */
  admit(invocation: Invocation): void {
    const { table } = this.#options;
    const gate = this.#gate(invocation.task);
    table.add(invocation);
    if (gate.room.size === 0 && !gate.full) {
      gate.came(invocation);
      this.#enter(gate, invocation);
      return;
    }
    const refusal = this.#options.isSilent() ? this.#noRoom(invocation) : this.#refusal(gate, invocation);
    gate.came(invocation);
    if (refusal === null) this.#wait(gate, invocation);
    else table.finish(invocation, refusal);
  }

  /** Would it be refused if it came now (D2)? Nothing is kept of it, and `admit` judges anew. */
  wouldRefuse({ task, deadlineMs, caller, priority }: EarlyRequest): InvokeOutcome | null {
    const gate = this.#gates.get(task);
    if (gate === undefined || (gate.room.size === 0 && !gate.full) || this.#options.isSilent()) return null;
    const deadlineAtMs = this.#options.nowMs() + deadlineMs;
    return this.#judge(gate, { caller, priority, deadlineMs, deadlineAtMs, urgency: "on the line" });
  }

  /** A request has ended, wherever it was. */
  ended(invocation: Invocation): void {
    const gate = this.#gates.get(invocation.task);
    if (gate === undefined) return;
    gate.left(invocation);
    if (invocation.place !== null) {
      if (gate.room.leave(invocation.place)) this.#leftRoom(invocation);
      invocation.place = null;
    } else if (invocation.handedOver) gate.underWay -= 1;
    this.#letWaiting(gate);
  }

  /** The time of a waiting request is up (D4). @returns whether it was one */
  due(invocation: Invocation): boolean {
    if (invocation.place === null) return false;
    this.#options.table.finish(invocation, this.#options.isSilent() ? REDIS_SILENT : this.#tooLate());
    return true;
  }

  /** A replica has answered a first attempt. */
  answered(task: string, times: AnswerTimes): void {
    // What was under way while Redis was away waited for Redis: it says nothing about the replicas. What is answered
    // when it is back, the limit passes over by itself (`excuse`).
    if (this.#redisAway) return;
    const gate = this.#gate(task);
    gate.answeredAtMs = this.#options.nowMs();
    if (gate.limit.answered(times, gate.underWay, this.#options.nowMs())) this.#letWaiting(gate);
  }

  redisIsAway(): void {
    this.#redisAway = true;
    this.sendAway();
  }

  redisIsBack(): void {
    this.#redisAway = false;
    this.#backAtMs = this.#options.nowMs();
    this.excuse();
  }

  /** Answers could not come, or not be read, until now. */
  excuse(): void {
    const now = this.#options.nowMs();
    for (const { limit } of this.#gates.values()) limit.excuse(now);
  }

  /** A replica has said that it is overloaded. */
  pushedBack(task: string): void {
    const gate = this.#gate(task);
    gate.limit.pushedBack(gate.underWay, this.#options.nowMs());
  }

  /** Is all handed over that may be? Then nothing is done twice to save time. */
  isFull(task: string): boolean {
    return this.#gates.get(task)?.full ?? false;
  }

  /** Does anybody wait to be handed over? */
  isCrowded(task: string): boolean {
    return (this.#gates.get(task)?.room.size ?? 0) > 0;
  }

  /** The replicas have been looked at, and what they had answered was read. */
  refresh(): void {
    const now = this.#options.nowMs();
    for (const [task, gate] of this.#gates) {
      if (this.#isFindingAgain(gate, now)) gate.limit.excuse(now);
      else gate.limit.looked(now);
      this.#adjust(task, gate);
      this.#letWaiting(gate);
      if (gate.idle && this.#gates.size > MAX_IDLE_GATES) this.#gates.delete(task);
    }
    this.sendAway();
  }

  /** D5: ends what waits for something that cannot be served. */
  sendAway(): void {
    for (const [task, { room }] of this.#gates) {
      if (room.size === 0) continue;
      const hindrance = this.#options.hindrance(task);
      if (hindrance === null) continue;
      for (const invocation of room.clear()) {
        invocation.place = null;
        this.#leftRoom(invocation);
        this.#options.table.finish(invocation, hindrance);
      }
    }
  }

  /** How each task stands. */
  view(): GateView[] {
    return [...this.#gates].map(([task, { limit, underWay, room }]) => ({
      task,
      limit: limit.limit,
      underWay,
      waiting: room.size,
    }));
  }

  /** D7: Redis is away, or has come back so short a time ago that no answer can be expected. */
  #isFindingAgain({ answeredAtMs }: TaskGate, now: number): boolean {
    if (this.#redisAway) return true;
    return answeredAtMs < this.#backAtMs && now - this.#backAtMs < FOUND_AGAIN_MS;
  }

  #gate(task: string): TaskGate {
    let gate = this.#gates.get(task);
    if (gate === undefined) {
      gate = new TaskGate(this.#options.nowMs());
      this.#gates.set(task, gate);
      this.#adjust(task, gate);
    }
    return gate;
  }

  #adjust(task: string, { limit }: TaskGate): void {
    const { slots, wayMs } = this.#options.look(task);
    limit.setSlots(slots);
    limit.setWay(wayMs);
  }

  /** D2, D3 */
  #refusal(gate: TaskGate, invocation: Invocation): InvokeOutcome | null {
    return this.#judge(gate, invocation) ?? this.#noRoom(invocation);
  }

  /** D2 @returns null: it may wait */
  #judge(gate: TaskGate, asking: Asking): InvokeOutcome | null {
    const { limit, room } = gate;
    const { caller, deadlineMs, deadlineAtMs, urgency } = asking;
    const now = this.#options.nowMs();
    const { runMs, queueMs } = limit;
    const ahead = room.ahead(asking);
    const remainingMs = deadlineAtMs - now;
    const verdict = judgeProspect({ ahead, rate: limit.rate(), runMs, queueMs, deadlineMs, remainingMs, urgency });
    if (verdict.kind === "wait") return null;
    if (gate.overShare(caller)) {
      const retryAfterMs = this.#spread(verdict.retryAfterMs);
      return { kind: "over_share", share: gate.shareWith(caller), retryAfterMs };
    }
    const detail = `it would have had to wait for ${Math.round(verdict.expectedMs)} ms`;
    return this.#noCapacity(detail, verdict.retryAfterMs);
  }

  /** D3 @returns null: one more may wait */
  #noRoom(invocation: Invocation): InvokeOutcome | null {
    return this.#makeRoom(invocation) ? null : this.#noCapacity("too many wait", 0);
  }

  /** D3 @returns whether one more may wait */
  #makeRoom(invocation: Invocation): boolean {
    const fits = (): boolean =>
      this.#waiting < MAX_WAITING && this.#waitingCharacters + invocation.input.length <= MAX_WAITING_CHARACTERS;
    while (!fits()) {
      const last = this.#leastFavoured(invocation);
      if (last === null) return false;
      this.#options.table.finish(last, this.#noCapacity("others have taken its place", 0));
    }
    return true;
  }

  /** Whose place `invocation` may take. */
  #leastFavoured(invocation: Invocation): Invocation | null {
    let worst: { readonly guest: Invocation; readonly of: number } | null = null;
    for (const { room } of this.#gates.values()) {
      const found = room.leastFavoured();
      if (found === null) continue;
      const rank = (one: Invocation): number => PRIORITY_ORDER.indexOf(one.priority);
      const { guest } = found.place;
      const lower = worst === null ? 1 : rank(guest) - rank(worst.guest);
      if (lower > 0 || (lower === 0 && found.of > (worst?.of ?? 0))) worst = { guest, of: found.of };
    }
    if (worst === null) return null;
    const { guest, of } = worst;
    const lower = PRIORITY_ORDER.indexOf(guest.priority) - PRIORITY_ORDER.indexOf(invocation.priority);
    if (lower !== 0) return lower > 0 ? guest : null;
    const own = this.#gate(invocation.task).room.waitingOf(invocation.caller, invocation.priority);
    return of > own + 1 ? guest : null;
  }

  #wait(gate: TaskGate, invocation: Invocation): void {
    this.#waiting += 1;
    this.#waitingCharacters += invocation.input.length;
    invocation.place = gate.room.add(invocation);
    const latestMs = invocation.deadlineAtMs - (gate.limit.runMs ?? 0);
    this.#options.table.wakeAt(invocation, Math.max(latestMs, this.#options.nowMs())); // D4
  }

  #letWaiting(gate: TaskGate): void {
    gate.letWaiting((invocation) => {
      invocation.place = null;
      this.#leftRoom(invocation);
      const hindrance = this.#options.hindrance(invocation.task);
      const remainingMs = invocation.deadlineAtMs - this.#options.nowMs();
      if (hindrance !== null) this.#options.table.finish(invocation, hindrance);
      else if (startsTooLate(remainingMs, gate.limit.runMs)) {
        this.#options.table.finish(invocation, this.#tooLate()); // D4
      } else this.#enter(gate, invocation);
    });
  }

  #enter(gate: TaskGate, invocation: Invocation): void {
    const now = this.#options.nowMs();
    gate.letIn(invocation, now);
    this.#options.enter(invocation, now);
  }

  #leftRoom({ input }: Invocation): void {
    this.#waiting -= 1;
    this.#waitingCharacters -= input.length;
  }

  #tooLate(): InvokeOutcome {
    return this.#noCapacity("no replica got free in time", 0);
  }

  #noCapacity(detail: string, retryAfterMs: number): InvokeOutcome {
    return { kind: "no_capacity", detail, retryAfterMs: this.#spread(Math.max(retryAfterMs, 1_000)) };
  }

  /** Those that were refused together must not come back together. */
  #spread(ms: number): number {
    return ms * (1 + this.#options.random());
  }
}
