/**
 * The log of an attempt: what the runner prints, and what its keeper has to say to the person who reads it.
 *
 * JL1 What was printed can be read from the store about a second later.
 * JL2 A store that takes no log stops nothing.
 */
import { type CheckpointStore, LogWriter } from "../../src/checkpoints/checkpoints.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Assignment } from "./protocol.ts";

const FLUSH_EVERY_MS = 800;
/** The end of an attempt waits no longer for its last lines, ms: they tell most about a failure, and a disk may be busy. */
const CLOSE_MS = 20_000;

export interface JobLogOptions {
  readonly store: CheckpointStore;
  readonly assignment: Assignment;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class JobLog {
  readonly #options: JobLogOptions;
  readonly #writer: LogWriter;
  #flushedMs = -Infinity;
  #flushing = false;
  #failing = false;
  #dropped = false;

  constructor(options: JobLogOptions) {
    const { store, assignment } = options;
    this.#options = options;
    this.#writer = new LogWriter({
      store,
      job: assignment.job,
      attempt: assignment.attempt,
      limit: assignment.logBytes,
    });
  }

  append(bytes: Buffer): void {
    this.#writer.append(bytes);
    if (this.#writer.isFull) this.tick();
  }

  /** A line of the keeper's own, marked as such. */
  note(text: string): void {
    this.append(Buffer.from(`[cairn] ${text}\n`));
  }

  /** Called often; stores what there is when it is time (JL1). */
  tick(): void {
    const now = this.#options.clock.monotonicMs();
    if (this.#flushing || this.#dropped) return;
    if (now - this.#flushedMs < FLUSH_EVERY_MS && !this.#writer.isFull) return;
    this.#flushedMs = now;
    this.#flushing = true;
    void this.#flush().finally(() => (this.#flushing = false));
  }

  /** Stores the rest, as far as that is quick. */
  async close(): Promise<void> {
    await Promise.race([this.#flush(), this.#options.clock.sleep(CLOSE_MS)]);
  }

  /** Nothing is stored any more. */
  drop(): void {
    this.#dropped = true;
  }

  async #flush(): Promise<void> {
    try {
      await this.#writer.flush();
      this.#failing = false;
    } catch (error) {
      // JL2. Said once, not every second.
      if (!this.#failing) this.#options.logger.warn({ err: error }, "log not stored");
      this.#failing = true;
    }
  }
}
