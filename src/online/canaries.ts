/**
 * Proof by work: sends a replica something to do through the real path, and sees whether and when it comes back.
 *
 * A canary is an entry that only the replica's reader, its slots and its way of answering have to do with: no user
 * code. That proves that a replica takes and answers, and is always harmless. It does not prove that the task is fast
 * there. So a parked replica is tried with a copy of a real request first, if the task may run twice (`idempotent`, so
 * nothing is declared against it): a probe. Its caller has its own attempt elsewhere and never waits for the probe; if
 * the probe is quicker, so much the better. Probes draw on the budget of hedges.
 *
 * A replica hears its orders (cancel, park, ask) on a list of their own, with a reader of its own. That one is proven by
 * asking for a request that never was: the answer is that it is gone.
 *
 * N1 Everything sent is settled once: it came back, it failed, it is missing, or nothing can be said (`void`).
 * N2 A time in which this process could not hear (Redis away, its own pause) is held against nobody.
 * N3 A replica older than canaries answers that it does not support them: that too came through its whole path.
 */
import type { CommandLink } from "./command-link.ts";
import type { Attempt } from "./invocation.ts";
import type { Outbox } from "./outbox.ts";
import type { Keys } from "../redis/keys.ts";
import { CANARY, encodeControl, encodeTask, type Answer } from "./wire.ts";

/** A probe that no request has carried for so long becomes a canary. */
const NO_REQUEST_MS = 500;
/** A canary may lie in its list for so long; then nothing starts. */
const WORTH_MS = 5_000;

export type Proof =
  | { readonly kind: "back"; readonly ms: number }
  | { readonly kind: "failed" }
  | { readonly kind: "missing" }
  | { readonly kind: "void" };

export interface ProofRequest {
  readonly task: string;
  readonly replica: string;
  /** After so long it is missing, ms. */
  readonly patienceMs: number;
  readonly settle: (proof: Proof) => void;
}

interface Sent extends ProofRequest {
  readonly sentAtMs: number;
  readonly by: "work" | "order";
}

export interface CanariesOptions {
  readonly nowMs: () => number;
  /** Redis's clock. */
  readonly redisNowMs: () => number;
  readonly link: CommandLink;
  readonly outbox: Outbox;
  readonly keys: Keys;
  readonly apiId: string;
}

export class Canaries {
  readonly #options: CanariesOptions;
  readonly #sent = new Map<string, Sent>();
  /** Probes that wait for a request of their task. */
  readonly #wanted = new Map<string, { readonly request: ProofRequest; readonly sinceMs: number }>();
  #serial = 0;

  constructor(options: CanariesOptions) {
    this.#options = options;
  }

  /** How many have been sent and not settled. */
  get underWay(): number {
    return this.#sent.size;
  }

  /** Does any probe wait for a request? Asked for each request. */
  get wantsRequest(): boolean {
    return this.#wanted.size > 0;
  }

  /** Sends a canary. */
  send(request: ProofRequest): void {
    const { keys, apiId, redisNowMs } = this.#options;
    const id = this.#newId();
    const expiresAtMs = Math.floor(redisNowMs() + WORTH_MS);
    const entry = {
      id,
      attempt: 1,
      api: apiId,
      expiresAtMs,
      definitions: [CANARY],
      trace: null,
      fence: null,
      input: "",
    };
    this.#post(id, { ...request, by: "work" }, keys.replicaList(request.task, request.replica), encodeTask(entry));
  }

  /** Sends an order whose answer proves that orders are heard. */
  order(request: ProofRequest): void {
    const { keys, apiId } = this.#options;
    const id = this.#newId();
    const text = encodeControl({ verb: "ask", id, attempt: 1, api: apiId });
    this.#post(id, { ...request, by: "order" }, keys.control(request.replica), text);
  }

  #newId(): string {
    this.#serial += 1;
    return `canary-${this.#serial}`;
  }

  #post(id: string, request: Omit<Sent, "sentAtMs">, list: string, text: string): void {
    const key = `${id} 1`;
    this.#sent.set(key, { ...request, sentAtMs: this.#options.nowMs() });
    this.#options.outbox.send(list, {
      text,
      wanted: true,
      pushed: () => undefined,
      notPushed: () => {
        if (this.#sent.delete(key)) request.settle({ kind: "void" }); // N2
      },
    });
  }

  /** Sends a probe with the next request that allows it, or a canary if there is none. One at a time of each task. */
  probe(request: ProofRequest): void {
    if (this.#wanted.has(request.task)) this.send(request);
    else this.#wanted.set(request.task, { request, sinceMs: this.#options.nowMs() });
  }

  /** The replica that a request of `task` may be copied to; null: none. */
  probed(task: string): string | null {
    return this.#wanted.get(task)?.request.replica ?? null;
  }

  /** The request was copied: `attempt` is the probe. */
  carried(attempt: Attempt): void {
    const { task, id } = attempt.invocation;
    const wanted = this.#wanted.get(task);
    if (wanted === undefined) return;
    this.#wanted.delete(task);
    this.#sent.set(`${id} ${attempt.number}`, { ...wanted.request, by: "work", sentAtMs: attempt.sentAtMs });
  }

  /** An answer came. @returns whether it was to a canary or a probe */
  hear({ id, attempt, status }: Answer): boolean {
    const key = `${id} ${attempt}`;
    const sent = this.#sent.get(key);
    if (sent === undefined) return false;
    if (status === "taken") return true;
    this.#sent.delete(key);
    sent.settle(this.#proofOf(sent, status));
    return true;
  }

  #proofOf(sent: Sent, status: Answer["status"]): Proof {
    switch (status) {
      case "ok":
      case "unsupported": // N3
        return { kind: "back", ms: this.#options.nowMs() - sent.sentAtMs };
      case "error":
      case "invalid_output":
      case "not_retryable":
        return { kind: "failed" };
      case "gone":
        return sent.by === "order" ? { kind: "back", ms: this.#options.nowMs() - sent.sentAtMs } : { kind: "void" };
      default:
        return { kind: "void" };
    }
  }

  /** Several times a second: what has waited long enough. */
  round(): void {
    const now = this.#options.nowMs();
    if (!this.#options.link.usable) {
      this.forget(); // N2
      return;
    }
    for (const [key, sent] of this.#sent) {
      if (now - sent.sentAtMs < sent.patienceMs) continue;
      this.#sent.delete(key);
      sent.settle({ kind: "missing" });
    }
    for (const [task, { request, sinceMs }] of this.#wanted) {
      if (now - sinceMs < NO_REQUEST_MS) continue;
      this.#wanted.delete(task);
      this.send(request);
    }
  }

  /** N2 */
  forget(): void {
    const requests: ProofRequest[] = [
      ...this.#sent.values(),
      ...[...this.#wanted.values()].map(({ request }) => request),
    ];
    this.#sent.clear();
    this.#wanted.clear();
    for (const { settle } of requests) settle({ kind: "void" });
  }
}
