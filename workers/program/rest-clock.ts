/** The clock by which files rest: the program's own (`program-time.ts`). */
import type { Clock } from "../../src/runtime/clock.ts";
import type { ProcessTree } from "./process-tree.ts";
import { ProgramTime } from "./program-time.ts";
import { threadsOf } from "./threads.ts";

/** A process that is stopped for so long is spoken of: while it is, there is no checkpoint by rest. */
const STOPPED_MS = 10_000;

export interface RestClockOptions {
  readonly clock: Clock;
  readonly tree: ProcessTree;
  readonly onDropped: (why: string) => void;
}

export class RestClock {
  readonly #options: RestClockOptions;
  readonly #time = new ProgramTime();
  #saidStopped = false;

  constructor(options: RestClockOptions) {
    this.#options = options;
  }

  /** As at the last look, ms. */
  get usableMs(): number {
    return this.#time.usableMs;
  }

  /** @param dueMs how long after the last look this one was to come. @returns time that the program could have used, ms */
  look(dueMs: number): number {
    const { clock, tree, onDropped } = this.#options;
    const nowMs = clock.monotonicMs();
    const usableMs = this.#time.look(nowMs, dueMs, threadsOf(tree.look().map(({ pid }) => pid)));
    if (this.#time.stoppedMs(nowMs) >= STOPPED_MS && !this.#saidStopped) {
      this.#saidStopped = true;
      onDropped(
        "one of its processes is stopped (SIGSTOP): as long as it is, no rest of its files tells that they are complete",
      );
    }
    return usableMs;
  }
}
