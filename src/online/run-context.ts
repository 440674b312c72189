/** What an online handler is given (`OnlineContext`), made for one attempt. Costly members are made when asked for. */
import type { CheckpointView, OnlineContext, TaskLog } from "../tasks/context.ts";
import type { Logger } from "../runtime/logger.ts";
import type { TaskEntry } from "./wire.ts";

export interface ContextServices {
  readonly log: Logger;
  /** Redis's clock. */
  readonly redisNowMs: () => number;
  readonly latestCheckpoint: (jobId: string) => Promise<CheckpointView | null>;
}

export class RunContext implements OnlineContext {
  readonly job: string;
  readonly attempt: number;
  readonly #entry: TaskEntry;
  readonly #task: string;
  readonly #services: ContextServices;
  #controller: AbortController | null = null;
  #aborted: Error | null = null;
  #log: TaskLog | null = null;

  constructor(task: string, entry: TaskEntry, services: ContextServices) {
    this.job = entry.id;
    this.attempt = entry.attempt;
    this.#task = task;
    this.#entry = entry;
    this.#services = services;
  }

  /** A request without a record holds no lease, so its generation is 0; its attempts still grow. */
  get fence(): string {
    return this.#entry.fence ?? `0.${this.attempt}`;
  }

  /** The W3C traceparent of the request, or null. */
  get traceparent(): string | null {
    return this.#entry.trace;
  }

  /** Made on first use: it costs more than a small request. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted !== null) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  get log(): TaskLog {
    this.#log ??= taskLog(
      this.#services.log.child({ task: this.#task, job: this.job, attempt: this.attempt, fence: this.fence }),
    );
    return this.#log;
  }

  remainingMs(): number {
    return Math.max(0, this.#entry.expiresAtMs - this.#services.redisNowMs());
  }

  latestCheckpoint(jobId: string): Promise<CheckpointView | null> {
    return this.#services.latestCheckpoint(jobId);
  }

  /** The work is not wanted any more. */
  abort(reason: Error): void {
    if (this.#aborted !== null) return;
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }
}

function taskLog(log: Logger): TaskLog {
  return {
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  };
}
