/**
 * The keeper's end of the channel to its agent.
 *
 * AL1 A request that could not be answered because Redis is away is asked again until it can be, or the attempt is
 *     given up: a checkpoint or a result that was paid for is not thrown away because of a pause.
 * AL2 A refusal is final: the lease is another's, and whoever gets one publishes nothing more (Q3).
 */
import type { Clock } from "../../src/runtime/clock.ts";
import type { FromKeeper, KeeperReply, KeeperRequest, ToKeeper } from "./protocol.ts";

const AGAIN_MS = { first: 250, most: 2_000 };

export type Granted = Extract<KeeperReply, { kind: "ok" }>;
export type Answer = Granted | Extract<KeeperReply, { kind: "refused" }> | { readonly kind: "given_up" };

/** What an agent tells on its own account. */
export type Order = Exclude<ToKeeper, { kind: "reply" }>;

export interface AgentLinkOptions {
  readonly send: (message: FromKeeper) => void;
  readonly clock: Clock;
}

export class AgentLink {
  readonly #options: AgentLinkOptions;
  readonly #waiting = new Map<number, (reply: KeeperReply | null) => void>();
  #nextId = 1;
  #closed = false;

  constructor(options: AgentLinkOptions) {
    this.#options = options;
  }

  say(message: Exclude<FromKeeper, { kind: "request" }>): void {
    if (!this.#closed) this.#options.send(message);
  }

  /** Takes the reply to a request. */
  take(id: number, reply: KeeperReply): void {
    this.#waiting.get(id)?.(reply);
    this.#waiting.delete(id);
  }

  /** Nothing is asked or said any more (Q3). */
  close(): void {
    this.#closed = true;
    for (const resolve of this.#waiting.values()) resolve(null);
    this.#waiting.clear();
  }

  /**
   * Asks until there is an answer (AL1). When `signal` aborts it is not asked again; but a reply that is under way is
   * waited for, because what was asked may have been done.
   */
  async request(request: KeeperRequest, signal: AbortSignal): Promise<Answer> {
    for (let pauseMs = AGAIN_MS.first; !signal.aborted; pauseMs = Math.min(pauseMs * 2, AGAIN_MS.most)) {
      const reply = await this.#ask(request);
      if (reply === null) break;
      if (reply.kind !== "unreachable") return reply;
      await this.#options.clock.sleep(pauseMs, signal);
    }
    return { kind: "given_up" };
  }

  /** One question, one reply (Q1); null when the link is closed. */
  #ask(request: KeeperRequest): Promise<KeeperReply | null> {
    if (this.#closed) return Promise.resolve(null);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#options.send({ kind: "request", id, request });
    });
  }
}
