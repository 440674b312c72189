/**
 * Answers to online requests with an `Idempotency-Key`: a repeat gets the first one's answer.
 *
 * A1 The key is claimed before the request runs, in one step: of several repeats at the same time one runs.
 * A2 A repeat that comes while the first still runs waits for its answer.
 * A3 If the process that ran it died, nobody knows whether it ran: a task that may run twice runs again, any other
 *    answers `outcome_unknown`.
 * A4 What certainly did not run is forgotten, so that a repeat runs.
 */
import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "../src/runtime/clock.ts";
import { reading, writing } from "../src/redis/fault.ts";
import type { Keys } from "../src/redis/keys.ts";
import type { RedisClient } from "../src/redis/connection.ts";
import { loadScript, runScript, type Script } from "../src/redis/script.ts";
import type { IdempotencyKey } from "./idempotency-key.ts";

/** How often a repeat looks whether the first one is answered, ms (A2). */
const LOOK_MS = 50;
/** A claim stands for the deadline and this much more: the answer has to be stored yet. */
const MARGIN_MS = 2_000;

export interface RememberedAnswer {
  readonly status: number;
  readonly mediaType: string;
  readonly body: string;
}

export type Claim =
  /** Run it, and `settle` it. */
  | { readonly kind: "claimed"; readonly owner: string; readonly key: string }
  | { readonly kind: "answered"; readonly answer: RememberedAnswer }
  | { readonly kind: "reused" }
  /** The first one still runs (A2). */
  | { readonly kind: "pending" }
  /** A3 */
  | { readonly kind: "stale" };

export class AnswerMemory {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #claimScript: Script;
  readonly #settleScript: Script;

  constructor(options: {
    readonly redis: RedisClient;
    readonly keys: Keys;
    readonly clock: Clock;
    readonly ttlMs: number;
  }) {
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#ttlMs = options.ttlMs;
    const folder = new URL("./scripts/", import.meta.url);
    this.#claimScript = loadScript(folder, "claim-answer");
    this.#settleScript = loadScript(folder, "settle-answer");
  }

  /**
   * Claims the key (A1); waits up to `deadlineMs` while somebody else holds it (A2).
   *
   * @param options.mayRunTwice whether a claim whose holder is gone may be taken over (A3)
   * @throws RedisFault; nothing has run then
   */
  async claim(
    idempotency: IdempotencyKey,
    options: { readonly deadlineMs: number; readonly mayRunTwice: boolean; readonly gone: AbortSignal },
  ): Promise<Claim> {
    const { deadlineMs, mayRunTwice, gone } = options;
    const key = this.#keys.answer(createHash("sha256").update(idempotency.key).digest("hex"));
    const owner = randomUUID();
    const giveUpMs = this.#clock.monotonicMs() + deadlineMs;
    const args = [
      idempotency.fingerprint,
      owner,
      Math.ceil(deadlineMs + MARGIN_MS),
      this.#ttlMs,
      mayRunTwice ? "1" : "",
    ];
    for (;;) {
      const reply = await reading(() => runScript(this.#redis, this.#claimScript, [key], args));
      const [kind, status, mediaType, body] = Array.isArray(reply) ? reply : [];
      switch (kind) {
        case "claimed":
          return { kind, owner, key };
        case "answered":
          return { kind, answer: { status: Number(status), mediaType: String(mediaType), body: String(body) } };
        case "reused":
        case "stale":
          return { kind };
        default:
          if (this.#clock.monotonicMs() + LOOK_MS >= giveUpMs || gone.aborted) return { kind: "pending" };
          await this.#clock.sleep(LOOK_MS, gone);
      }
    }
  }

  /** Keeps the answer for repeats, or with null forgets the claim (A4). @throws RedisFault */
  async settle(claim: Extract<Claim, { kind: "claimed" }>, answer: RememberedAnswer | null): Promise<void> {
    const args = answer === null ? [] : [answer.status, answer.mediaType, answer.body];
    await writing(() => runScript(this.#redis, this.#settleScript, [claim.key], [claim.owner, ...args]));
  }
}
