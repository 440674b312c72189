/** The requests under way in this process, their one timer each, and how they ended. */
import type { Invocation, InvokeOutcome } from "./invocation.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import type { TimerWheel } from "./timer-wheel.ts";
import type { Verifier } from "./verifier.ts";

/** An attempt that stood nowhere gets so long to be spoken of by whoever took it. */
export const GRACE_MS = 150;

export interface OnlineCounts {
  /** How requests ended, by kind of outcome. */
  readonly outcomes: Readonly<Record<InvokeOutcome["kind"], number>>;
  retries: number;
  hedges: number;
  /** Repeats after losses and hand-backs: they cost no budget. */
  repeats: number;
  /** Attempts lost with their replica, or without a word. */
  losses: number;
  /** Answers nobody waited for any more. */
  lateAnswers: number;
}

export class InvocationTable {
  readonly #wheel: TimerWheel;
  readonly #verifier: Pick<Verifier, "cancel" | "dismiss">;
  readonly #nowMs: () => number;
  readonly #onEnd: (invocation: Invocation) => void;
  readonly #byId = new KeyedQueue<Invocation>();
  readonly #outcomes: Record<InvokeOutcome["kind"], number> = {
    answered: 0,
    refused: 0,
    failed: 0,
    outcome_unknown: 0,
    no_worker: 0,
    no_capacity: 0,
    over_share: 0,
    deadline: 0,
    unavailable: 0,
    aborted: 0,
  };
  readonly counts: OnlineCounts = {
    outcomes: this.#outcomes,
    retries: 0,
    hedges: 0,
    repeats: 0,
    losses: 0,
    lateAnswers: 0,
  };

  constructor(options: {
    readonly wheel: TimerWheel;
    readonly verifier: Pick<Verifier, "cancel" | "dismiss">;
    readonly nowMs: () => number;
    /** Is told of each request that has ended, in the turn in which its caller is. */
    readonly onEnd: (invocation: Invocation) => void;
  }) {
    this.#wheel = options.wheel;
    this.#verifier = options.verifier;
    this.#nowMs = options.nowMs;
    this.#onEnd = options.onEnd;
  }

  get size(): number {
    return this.#byId.size;
  }

  find(id: string): Invocation | undefined {
    return this.#byId.get(id);
  }

  /** All under way, oldest first; safe while some of them end. */
  all(): Invocation[] {
    return this.#byId.values();
  }

  add(invocation: Invocation): void {
    this.#byId.add(invocation.id, invocation);
  }

  /** Sets the timer of a request that waits to be handed over. */
  wakeAt(invocation: Invocation, atMs: number): void {
    this.#wheel.set(invocation, atMs);
  }

  /** Sets the timer for whatever is due first. */
  schedule(invocation: Invocation): void {
    if (invocation.over || invocation.place !== null) return;
    let dueMs = invocation.deadlineAtMs;
    const { plan, hedgeAtMs } = invocation;
    if (plan !== null && plan.atMs < dueMs) dueMs = plan.atMs;
    if (hedgeAtMs !== null && hedgeAtMs < dueMs) dueMs = hedgeAtMs;
    for (const attempt of invocation.attempts) {
      if (!attempt.open) continue;
      const at = attempt.vanishedAtMs === null ? attempt.checkAtMs : attempt.vanishedAtMs + GRACE_MS;
      if (at < dueMs) dueMs = at;
    }
    this.#wheel.set(invocation, dueMs);
  }

  /** Answers the caller, once. What is still under way is called back. */
  finish(invocation: Invocation, outcome: InvokeOutcome): void {
    if (invocation.over) return;
    invocation.over = true;
    this.#byId.delete(invocation.id);
    this.#wheel.cancel(invocation);
    this.#outcomes[outcome.kind] += 1;
    for (const attempt of invocation.attempts) {
      if (!attempt.open) continue;
      const { state, replica } = attempt;
      attempt.end("abandoned", this.#nowMs());
      if (state === "taken" && replica !== null) {
        if (outcome.kind === "deadline") continue; // Its replica has a timer of its own.
        this.#verifier.cancel(replica, invocation.id, attempt.number, invocation.api);
      } else if (state === "pushed") this.#verifier.dismiss(attempt);
    }
    invocation.resolve(outcome);
    this.#onEnd(invocation);
  }

  /** Forgets a request that goes on without this process. */
  leave(invocation: Invocation): void {
    if (invocation.over) return;
    invocation.over = true;
    this.#byId.delete(invocation.id);
    this.#wheel.cancel(invocation);
    this.#onEnd(invocation);
  }

  /** A request that never got under way. */
  count(outcome: InvokeOutcome): InvokeOutcome {
    this.#outcomes[outcome.kind] += 1;
    return outcome;
  }

  /** Ages of what replicas are known to have: task → replica → ms. */
  unfinished(nowMs: number): Map<string, Map<string, number[]>> {
    const tasks = new Map<string, Map<string, number[]>>();
    for (const { task, attempts } of this.#byId.values()) {
      for (const { state, replica, sentAtMs } of attempts) {
        if (state !== "taken" || replica === null) continue;
        let replicas = tasks.get(task);
        if (replicas === undefined) {
          replicas = new Map();
          tasks.set(task, replicas);
        }
        const ages = replicas.get(replica);
        if (ages === undefined) replicas.set(replica, [nowMs - sentAtMs]);
        else ages.push(nowMs - sentAtMs);
      }
    }
    return tasks;
  }
}
