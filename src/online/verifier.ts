/**
 * Finding out what became of an attempt that nobody speaks of, and calling back what is not wanted any more.
 *
 * F1 Taking an entry out of its list (`LREM` of the exact text gave 1) proves that nobody has started it or ever will.
 * F2 Only looking (`LPOS`) leaves it its place in the queue.
 * F3 What could not be taken back because Redis was away is taken back when it returns, if it is still worth it.
 * F4 The questions of one turn go together, so many at a time that Redis is not held: each may walk the whole list.
 */
import type { Keys } from "../redis/keys.ts";
import { RedisFault } from "../redis/fault.ts";
import type { CommandLink } from "./command-link.ts";
import type { Attempt } from "./invocation.ts";
import type { Outbox, Parcel } from "./outbox.ts";
import { encodeControl } from "./wire.ts";

const CHUNK = 32;
const KEPT_WITHDRAWALS = 10_000;

interface Question {
  readonly kind: "look" | "take_back";
  readonly text: string;
  readonly answered: (found: boolean) => void;
  readonly failed: (fault: unknown) => void;
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
  readonly #questions = new Map<string, Question[]>();
  #later: Attempt[] = [];
  #scheduled = false;

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

  /** Takes it out when that is possible, now or later (F3). */
  dismiss(attempt: Attempt): void {
    this.takeBack(attempt).catch(() => {
      if (this.#later.length < KEPT_WITHDRAWALS) this.#later.push(attempt);
    });
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

  #control(replica: string, text: string): void {
    this.#options.outbox.send(this.#options.keys.control(replica), new ControlParcel(text));
  }

  #ask(attempt: Attempt, kind: Question["kind"]): Promise<boolean> {
    const { keys } = this.#options;
    const { task } = attempt.invocation;
    const list = attempt.target === null ? keys.taskList(task) : keys.replicaList(task, attempt.target);
    return new Promise((answered, failed) => {
      const question: Question = { kind, text: attempt.text, answered, failed };
      const waiting = this.#questions.get(list);
      if (waiting === undefined) this.#questions.set(list, [question]);
      else waiting.push(question);
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    this.#scheduled = false;
    const all = [...this.#questions];
    this.#questions.clear();
    for (const [list, questions] of all) {
      for (let at = 0; at < questions.length; at += CHUNK) await this.#put(list, questions.slice(at, at + CHUNK)); // F4
    }
  }

  async #put(list: string, questions: readonly Question[]): Promise<void> {
    try {
      const replies = await this.#options.link.run((client) => {
        const pipeline = client.pipeline();
        for (const { kind, text } of questions) {
          if (kind === "look") pipeline.lpos(list, text);
          else pipeline.lrem(list, 1, text);
        }
        return pipeline.exec();
      });
      for (const [at, { kind, answered, failed }] of questions.entries()) {
        const [error, value] = replies?.[at] ?? [new Error("no reply"), null];
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

/** Orders to replicas are hints: a lost one costs time, nothing else. */
class ControlParcel implements Parcel {
  readonly text: string;
  readonly wanted = true;

  constructor(text: string) {
    this.text = text;
  }
  pushed(): void {
    // Nothing depends on it.
  }
  notPushed(): void {
    // Nothing depends on it.
  }
}
