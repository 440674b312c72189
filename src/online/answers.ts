/**
 * A replica's way back to the callers: answers, coalesced by reply list, kept until Redis has them.
 *
 * A1 An answer that Redis did not take is sent again until nobody can be waiting for it any more: the work is done,
 *    and doing it twice is dearer than saying it twice (the caller drops the second).
 * A2 What is kept is bounded: beyond that the oldest is forgotten, and its caller asks or tries elsewhere.
 * A3 Until Redis has an answer its attempt is `unsent`, so that a question about it is not answered with `gone`.
 */
import type { Keys } from "../redis/keys.ts";
import type { CommandLink } from "./command-link.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { Outbox, type Parcel } from "./outbox.ts";
import { encodeAnswer, type Answer } from "./wire.ts";

/** Longer than any deadline. */
const LIST_TTL_MS = 70_000;
const MAX_UNSENT = 10_000;
const MAX_UNSENT_CHARACTERS = 64 * 1_024 * 1_024;

export interface AnswersOptions {
  readonly link: CommandLink;
  readonly keys: Keys;
  /** Redis's clock. */
  readonly redisNowMs: () => number;
}

export class Answers {
  readonly #options: AnswersOptions;
  readonly #outbox: Outbox;
  readonly #lists = new Map<string, string>();
  readonly #unsent = new KeyedQueue<AnswerParcel>();
  #unsentCharacters = 0;
  #failed: AnswerParcel[] = [];
  #idle: (() => void)[] = [];

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.link, LIST_TTL_MS);
    options.link.onUp(() => this.#sendAgain());
  }

  /**
   * @param api whose reply list
   * @param expiresAtMs when nobody waits any more: Redis's clock
   */
  send(api: string, expiresAtMs: number, answer: Answer): void {
    const key = `${answer.id} ${answer.attempt}`;
    const parcel = new AnswerParcel({
      key,
      list: this.#listOf(api),
      expiresAtMs,
      text: encodeAnswer(answer),
      home: this,
    });
    if (answer.status !== "taken") this.#keep(parcel);
    this.#outbox.send(parcel.list, parcel);
  }

  /** A3 @param key `<id> <attempt>` */
  isUnsent(key: string): boolean {
    return this.#unsent.has(key);
  }

  /** Resolves when Redis has everything, or `timeoutMs` have passed. */
  async flushed(timeoutMs: number): Promise<void> {
    if (this.#unsent.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Nothing more is sent. */
  async close(): Promise<void> {
    await this.#outbox.close();
  }

  done(parcel: AnswerParcel): void {
    if (this.#unsent.get(parcel.key) !== parcel) return;
    this.#unsent.delete(parcel.key);
    this.#unsentCharacters -= parcel.text.length;
    if (this.#unsent.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  retryLater(parcel: AnswerParcel): void {
    if (this.#unsent.get(parcel.key) !== parcel) return;
    this.#failed.push(parcel);
    // The link may be well (one node of a Cluster is away, or it is back already): then nobody calls `onUp`.
    if (this.#failed.length === 1) setTimeout(() => this.#sendAgain(), 100);
  }

  #keep(parcel: AnswerParcel): void {
    this.#unsent.add(parcel.key, parcel);
    this.#unsentCharacters += parcel.text.length;
    while (this.#unsent.size > MAX_UNSENT || this.#unsentCharacters > MAX_UNSENT_CHARACTERS) {
      const { oldest } = this.#unsent;
      if (oldest === null) break;
      this.done(oldest); // A2
    }
  }

  /** A1 */
  #sendAgain(): void {
    const failed = this.#failed;
    this.#failed = [];
    const now = this.#options.redisNowMs();
    for (const parcel of failed) {
      if (this.#unsent.get(parcel.key) !== parcel) continue; // Forgotten (A2).
      if (parcel.expiresAtMs <= now) this.done(parcel);
      else this.#outbox.send(parcel.list, parcel);
    }
  }

  #listOf(api: string): string {
    let list = this.#lists.get(api);
    if (list === undefined) {
      if (this.#lists.size > 1_000) this.#lists.clear(); // API processes come and go.
      list = this.#options.keys.replies(api);
      this.#lists.set(api, list);
    }
    return list;
  }
}

class AnswerParcel implements Parcel {
  readonly key: string;
  readonly list: string;
  readonly expiresAtMs: number;
  readonly text: string;
  readonly wanted = true;
  readonly #home: Answers;

  constructor(options: {
    readonly key: string;
    readonly list: string;
    readonly expiresAtMs: number;
    readonly text: string;
    readonly home: Answers;
  }) {
    this.key = options.key;
    this.list = options.list;
    this.expiresAtMs = options.expiresAtMs;
    this.text = options.text;
    this.#home = options.home;
  }

  pushed(): void {
    this.#home.done(this);
  }

  notPushed(): void {
    this.#home.retryLater(this);
  }
}
