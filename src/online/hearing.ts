/** What replicas say of attempts, told to whoever it concerns. */
import type { Logger } from "../runtime/logger.ts";
import type { Admission } from "./admission.ts";
import type { Canaries } from "./canaries.ts";
import type { Inquest } from "./inquest.ts";
import type { Attempt } from "./invocation.ts";
import type { InvocationTable } from "./invocation-table.ts";
import type { Referee } from "./referee.ts";
import type { ReplicaDirectory } from "./replica-directory.ts";
import type { Verifier } from "./verifier.ts";
import { decodeAnswer, type Answer, type AnswerStatus } from "./wire.ts";

/** Answers that tell nothing of the time a request takes. */
const UNTIMED: ReadonlySet<AnswerStatus> = new Set(["not_started", "unsupported", "overloaded"]);

export interface HearingOptions {
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly apiId: string;
  readonly table: InvocationTable;
  readonly canaries: Canaries;
  readonly verifier: Verifier;
  readonly inquest: Inquest;
  readonly directory: ReplicaDirectory;
  readonly admission: Admission;
  readonly referee: Referee;
}

export class Hearing {
  readonly #options: HearingOptions;

  constructor(options: HearingOptions) {
    this.#options = options;
  }

  /** Takes an entry of the reply list. */
  hear(entry: string): void {
    const answer = decodeAnswer(entry);
    if (answer === null) {
      this.#options.log.warn({ entry: entry.slice(0, 200) }, "answer cannot be read");
      return;
    }
    const attempt = this.#options.table.find(answer.id)?.attempt(answer.attempt);
    const proof = this.#options.canaries.underWay > 0 && this.#options.canaries.hear(answer);
    if (proof && (attempt === undefined || answer.status !== "ok")) return;
    if (attempt === undefined) this.#tooLate(answer);
    else if (answer.status === "taken") this.#taken(attempt, answer);
    else this.#answered(attempt, answer);
  }

  #tooLate(answer: Answer): void {
    if (answer.status === "taken") {
      this.#options.verifier.cancel(answer.replica, answer.id, answer.attempt, this.#options.apiId);
    } else this.#options.table.counts.lateAnswers += 1;
  }

  #taken(attempt: Attempt, answer: Answer): void {
    if (!attempt.open) {
      this.#tooLate(answer);
      return;
    }
    this.#options.inquest.taken(attempt, answer.replica);
    this.#options.table.schedule(attempt.invocation);
  }

  #answered(attempt: Attempt, answer: Answer): void {
    const { status, replica } = answer;
    // An attempt that was given up may still win; its failure does not count.
    if (!attempt.open && status !== "ok") return;
    if (status === "gone") {
      if (attempt.state !== "taken") return;
      attempt.accounted = true; // Whoever says so has not died of it.
      this.#options.inquest.lost(attempt, this.#options.nowMs());
      return;
    }
    attempt.replica = replica;
    attempt.worker = this.#options.directory.find(replica)?.worker ?? attempt.worker;
    const now = this.#options.nowMs();
    this.#learn(attempt, answer, now);
    this.#options.referee.answered(attempt, answer, now);
    this.#options.table.schedule(attempt.invocation);
  }

  /** What an answer says of the queue in front of the replicas: only a first attempt has waited as all do. */
  #learn({ why, open, sentAtMs, invocation }: Attempt, { status, runUs }: Answer, now: number): void {
    if (status === "overloaded") this.#options.admission.pushedBack(invocation.task);
    if (why !== "first" || !open || UNTIMED.has(status)) return;
    const runMs = runUs / 1_000;
    this.#options.admission.answered(invocation.task, { runMs, queueMs: now - sentAtMs - runMs });
  }
}
