/**
 * The answer to a request whose API process is gone: the replica that had it still pushes it into that process's list,
 * where nobody reads any more.
 *
 * L1 The list is only looked at, a few entries at a time; a process that was frozen finds its answers when it thaws.
 * L2 Entries stand where they stand as long as nobody pops: what was looked at is not looked at again. If somebody
 *    does, an answer may be missed; then nothing is known, as before.
 */
import type { Keys } from "../redis/keys.ts";
import type { CommandLink } from "./command-link.ts";
import type { InvokeOutcome } from "./invocation.ts";
import { decodeAnswer, decodeTask, type Answer } from "./wire.ts";

const AT_A_TIME = 16;

export interface LeftAnswerOptions {
  readonly link: CommandLink;
  readonly keys: Keys;
  /** The worker of a replica; null: not known any more. */
  readonly workerOf: (replica: string) => string | null;
}

/** `not_started`: it was handed back, and certainly did not run. */
export type LeftOutcome = InvokeOutcome | { readonly kind: "not_started" };

export class LeftAnswer {
  readonly #options: LeftAnswerOptions;
  readonly #list: string;
  readonly #id: string;
  readonly #attempt: number;
  #position = 0;

  /** @param entryHead what was sent, without its input */
  constructor(options: LeftAnswerOptions, entryHead: string) {
    this.#options = options;
    const decoded = decodeTask(`${entryHead}\n`);
    const { api, id, attempt } = decoded.kind === "entry" ? decoded.entry : { api: "none", id: "", attempt: 0 };
    this.#list = options.keys.replies(api);
    this.#id = id;
    this.#attempt = attempt;
  }

  /** What it came to, if that is there by now. @throws RedisFault */
  async look(): Promise<LeftOutcome | null> {
    for (;;) {
      const from = this.#position;
      const entries = await this.#options.link.run((client) => client.lrange(this.#list, from, from + AT_A_TIME - 1));
      this.#position += entries.length;
      for (const entry of entries) {
        const answer = decodeAnswer(entry);
        if (answer?.id !== this.#id || answer.attempt !== this.#attempt) continue;
        const outcome = this.#outcomeOf(answer);
        if (outcome !== null) return outcome;
      }
      if (entries.length < AT_A_TIME) return null;
    }
  }

  #outcomeOf({ status, body, runUs, replica, attempt }: Answer): LeftOutcome | null {
    const runMs = runUs / 1_000;
    const worker = this.#options.workerOf(replica);
    const known = { why: "first", replica, worker, queueMs: null, runMs, sentMs: 0, endedMs: null } as const;
    const trace = [{ ...known, number: attempt, outcome: status }];
    switch (status) {
      case "ok":
        return { kind: "answered", output: body, timing: { queueMs: 0, runMs, attempts: 1 }, trace };
      case "refused":
        return { kind: "refused", message: body, attempts: trace };
      case "error":
      case "retry_after":
      case "not_retryable":
        return { kind: "failed", fault: "task", message: body, attempts: trace };
      case "invalid_output":
        return { kind: "failed", fault: "invalid_output", message: body, attempts: trace };
      case "not_started":
      case "unsupported":
        return { kind: "not_started" };
      default:
        return null; // `taken` is no answer, `gone` answers another question.
    }
  }
}
