/**
 * Notices a runner that somebody has stopped (SIGSTOP). To its keeper that looks like a long step, which is the task's
 * good right; only the kernel knows the difference. Where there is no /proc nobody is told, and the time limits of the
 * attempt have to do.
 *
 * SW1 A process that is stopped for longer than a moment is taken for lost: its slot is worth more, and waiting for
 *     whoever stopped it would have no end.
 */
import { readFile } from "node:fs/promises";
import type { Clock } from "../../src/runtime/clock.ts";

const STOPPED_MS = 1_500;

export class StoppedWatch {
  readonly #clock: Clock;
  #sinceMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Looks once, and says whether the process has been stopped for too long (SW1). */
  async isLost(pid: number): Promise<boolean> {
    const now = this.#clock.monotonicMs();
    const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
    // The state follows the name of the program, which is in parentheses and may hold anything.
    const stopped = /^[Tt]/.test(text.slice(text.lastIndexOf(")") + 2));
    this.#sinceMs = stopped ? (this.#sinceMs ?? now) : null;
    return this.#sinceMs !== null && now - this.#sinceMs >= STOPPED_MS;
  }
}
