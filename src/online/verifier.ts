/**
 * Finding out what became of an attempt that nobody speaks of, and calling back what is not wanted any more.
 *
 * F1 Taking an entry out of its list (`LREM` of the exact text gave 1) proves that nobody has started it or ever will.
 * F2 Only looking (`LPOS`) leaves it its place in the queue.
 * F3 What could not be taken back because Redis was away is taken back when it returns, if it is still worth it.
 * F4 Each question may walk the whole list, and most are asked when lists are long. So they go in portions that the
 *    length of the list decides, with pauses between; what is only tidying up is left out when too much waits.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Keys } from "../redis/keys.ts";
import { RedisFault } from "../redis/fault.ts";
import type { CommandLink } from "./command-link.ts";
import type { Attempt } from "./invocation.ts";
import type { Outbox } from "./outbox.ts";
import { SimpleParcel } from "./simple-parcel.ts";
import { encodeControl } from "./wire.ts";

/** F4: entries of a list that one portion of questions may walk over: a fraction of a millisecond. */
const WALK = 20_000;
const MOST_AT_ONCE = 64;
const PAUSE_MS = 20;
/** Withdrawals that wait for Redis, or behind other questions, beyond which more are left out. */
const KEPT_WITHDRAWALS = 10_000;
const WAITING_WITHDRAWALS = 1_000;

interface Question {
  readonly kind: "look" | "take_back";
  readonly text: string;
  readonly answered: (found: boolean) => void;
  readonly failed: (fault: unknown) => void;
}

/** The questions about one list. */
interface Desk {
  readonly list: string;
  readonly waiting: Question[];
  /** How long the list was when it was last asked about. */
  length: number;
}

export interface VerifierOptions {
  readonly link: CommandLink;
  readonly outbox: Outbox;
  readonly keys: Keys;
  /** Redis's clock. */
  readonly redisNowMs: () => number;
}

export class Verifier {
  readonly #options: VerifierOptions;
  readonly #desks = new Map<string, Desk>();
  #later: Attempt[] = [];

  constructor(options: VerifierOptions) {
    this.#options = options;
    options.link.onUp(() => this.#catchUp());
  }

  /** Does it still stand in its list (F2)? @throws RedisFault */
  isListed(attempt: Attempt): Promise<boolean> {
    return this.#ask(attempt, "look");
  }

  /** Takes it out of its list. @returns whether it was there (F1) @throws RedisFault */
  takeBack(attempt: Attempt): Promise<boolean> {
    return this.#ask(attempt, "take_back");
  }

  /** Takes it out when that is possible, now or later (F3): tidying up, what is late is not started anyway. */
  dismiss(attempt: Attempt): void {
    const waiting = this.#desks.get(this.#listOf(attempt))?.waiting.length ?? 0;
    if (waiting >= WAITING_WITHDRAWALS) return; // F4
    this.takeBack(attempt).then(
      (was) => {
        if (was) attempt.accounted = true;
      },
      () => {
        if (this.#later.length < KEPT_WITHDRAWALS) this.#later.push(attempt);
      },
    );
  }

  /** Tells the replica that has it that nobody waits any more. */
  cancel(replica: string, id: string, attempt: number, api: string): void {
    this.#control(replica, encodeControl({ verb: "cancel", id, attempt, api }));
  }

  /** Asks the replica that took it whether it still has it: `taken` or `gone` comes as an answer. */
  inquire(attempt: Attempt): void {
    const { invocation, number, replica } = attempt;
    if (replica === null) return;
    this.#control(replica, encodeControl({ verb: "ask", id: invocation.id, attempt: number, api: invocation.api }));
  }

  /** Orders are hints: a lost one costs time, nothing else. */
  #control(replica: string, text: string): void {
    this.#options.outbox.send(this.#options.keys.control(replica), new SimpleParcel(text));
  }

  /** Has a replica leave the list of a task to others for a while; 0 ms takes it back. */
  park(replica: string, task: string, forMs: number, api: string): void {
    this.#control(replica, encodeControl({ verb: "park", task, forMs, api }));
  }

  #listOf(attempt: Attempt): string {
    const { keys } = this.#options;
    const { task } = attempt.invocation;
    return attempt.target === null ? keys.taskList(task) : keys.replicaList(task, attempt.target);
  }

  #ask(attempt: Attempt, kind: Question["kind"]): Promise<boolean> {
    const list = this.#listOf(attempt);
    let desk = this.#desks.get(list);
    if (desk === undefined) {
      desk = { list, waiting: [], length: 0 };
      this.#desks.set(list, desk);
      const opened = desk;
      // With all that this turn has to ask.
      setImmediate(() => void this.#serve(opened));
    }
    const { waiting } = desk;
    return new Promise((answered, failed) => waiting.push({ kind, text: attempt.text, answered, failed }));
  }

  async #serve(desk: Desk): Promise<void> {
    while (desk.waiting.length > 0) {
      const portion = Math.min(MOST_AT_ONCE, Math.max(1, Math.floor(WALK / Math.max(1, desk.length)))); // F4
      await this.#put(desk, desk.waiting.splice(0, portion));
      if (desk.waiting.length > 0) await pause(PAUSE_MS);
    }
    this.#desks.delete(desk.list);
  }

  async #put(desk: Desk, questions: readonly Question[]): Promise<void> {
    try {
      const replies = await this.#options.link.run((client) => {
        const pipeline = client.pipeline().llen(desk.list);
        for (const { kind, text } of questions) {
          if (kind === "look") pipeline.lpos(desk.list, text);
          else pipeline.lrem(desk.list, 1, text);
        }
        return pipeline.exec();
      });
      const [first, ...rest] = replies ?? [];
      desk.length = Number(first?.[1] ?? 0);
      for (const [at, { kind, answered, failed }] of questions.entries()) {
        const [error, value] = rest[at] ?? [new Error("no reply"), null];
        if (error !== null) failed(new RedisFault("unknown", error));
        else answered(kind === "look" ? value !== null : value === 1);
      }
    } catch (error) {
      for (const { failed } of questions) failed(error);
    }
  }

  /** F3 */
  #catchUp(): void {
    const later = this.#later;
    this.#later = [];
    const now = this.#options.redisNowMs();
    for (const attempt of later) if (attempt.invocation.expiresAtMs > now) this.dismiss(attempt);
  }
}
