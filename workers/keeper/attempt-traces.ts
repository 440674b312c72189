/**
 * Notes in the store what was submitted and that this attempt began, for the day when Redis has lost the record
 * (`checkpoints/job-traces.ts`). Beside the attempt: nothing waits for it but its first checkpoint and its outcome.
 */
import { type CheckpointStore, writeAttempt, writeSubmission } from "../../src/checkpoints/checkpoints.ts";
import { fenceText } from "../../src/domain/fence.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Assignment } from "./protocol.ts";

export interface AttemptTracesOptions {
  readonly assignment: Assignment;
  readonly store: CheckpointStore;
  readonly clock: Clock;
}

export class AttemptTraces {
  readonly #options: AttemptTracesOptions;
  readonly #startedAt: string;
  #writing: Promise<void> | null = null;

  constructor(options: AttemptTracesOptions) {
    this.#options = options;
    this.#startedAt = new Date(options.clock.nowMs()).toISOString();
  }

  /** Resolves when they are there; tries again if that went wrong before. @throws StoreFault */
  async written(): Promise<void> {
    this.#writing ??= this.#write();
    try {
      await this.#writing;
    } catch (error) {
      this.#writing = null;
      throw error;
    }
  }

  async #write(): Promise<void> {
    const { assignment, store } = this.#options;
    const { job, attempt, round, fence, worker, zone, submission, candidates } = assignment;
    const [from] = candidates;
    await Promise.all([
      writeSubmission(store, { job, record: { ...submission } }),
      writeAttempt(store, fence, {
        job,
        attempt,
        round,
        fence: fenceText(fence),
        token: fence.token,
        worker,
        zone,
        startedAt: this.#startedAt,
        from: from === undefined ? null : { seq: from.seq, manifest: from.manifest, sha256: from.manifestSha256 },
      }),
    ]);
  }
}
