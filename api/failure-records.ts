/**
 * Records of requests that failed and had none: what was tried can be looked at when its caller has its answer.
 *
 * Q1 A task that fails all the time does not fill Redis: so many a second for each task, and for all of them together;
 *    what is beyond that is counted. The records stand on a shelf of their own, which is bounded (`src/batch`).
 * Q2 Whoever waits for the answer is not kept for longer than a moment. It is told of a record that is there.
 */
import type { NewOnlineJob, OnlineDesk } from "../src/batch/batch.ts";
import { TokenBucket, type BucketRule } from "../src/domain/token-bucket.ts";
import type { InvokeOutcome } from "../src/online/online.ts";
import type { Clock } from "../src/runtime/clock.ts";
import type { Logger } from "../src/runtime/logger.ts";
import { attemptsOf, endingOf } from "./online-outcome.ts";

const OF_ONE_TASK: BucketRule = { perSecond: 5, atOnce: 20 };
const OF_ALL_TASKS: BucketRule = { perSecond: 20, atOnce: 100 };
/** Q2 */
const TOLD_WITHIN_MS = 100;

export interface FailureRecordsOptions {
  readonly desk: Pick<OnlineDesk, "recordFailure">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly redisNowMs: () => number;
  /** Q1: a failure got no record. */
  readonly onDropped: () => void;
}

export class FailureRecords {
  readonly #options: FailureRecordsOptions;
  readonly #all = new TokenBucket(OF_ALL_TASKS);
  readonly #tasks = new Map<string, TokenBucket>();

  constructor(options: FailureRecordsOptions) {
    this.#options = options;
  }

  /**
   * Keeps what became of a request, if that is worth a record and the budget allows one.
   * @param ageMs since it came
   * @returns whether the record is there
   */
  async keep(job: Omit<NewOnlineJob, "createdAtMs">, outcome: InvokeOutcome, ageMs: number): Promise<boolean> {
    if (!isFailure(outcome)) return false;
    const { desk, clock, logger, redisNowMs, onDropped } = this.#options;
    if (!this.#take(job.task)) {
      onDropped();
      return false;
    }
    const createdAtMs = redisNowMs() - ageMs;
    const context = {
      task: job.task,
      startedAtMs: createdAtMs,
      fence: "0.0",
      turn: 1,
      whenNotStarted: "put_back",
    } as const;
    const written = desk.recordFailure({ ...job, createdAtMs }, endingOf(outcome, context)).then(
      () => true,
      (error: unknown) => {
        logger.debug({ err: error, task: job.task }, "record of a failed request was not written");
        return false;
      },
    );
    const over = new AbortController();
    const soon = clock.sleep(TOLD_WITHIN_MS, over.signal).then(() => false);
    return Promise.race([written, soon]).finally(() => over.abort());
  }

  /** Q1 */
  #take(task: string): boolean {
    const now = this.#options.clock.monotonicMs();
    let own = this.#tasks.get(task);
    if (own === undefined) this.#tasks.set(task, (own = new TokenBucket(OF_ONE_TASK)));
    return this.#all.has(now) && own.take(now) && this.#all.take(now);
  }
}

/** What failed after something was tried. A refusal of the input is the task's answer; what never began has no story. */
function isFailure(outcome: InvokeOutcome): boolean {
  switch (outcome.kind) {
    case "failed":
    case "outcome_unknown":
      return true;
    case "deadline":
      return attemptsOf(outcome).length > 0;
    default:
      return false;
  }
}
