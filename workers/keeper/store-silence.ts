/**
 * When a store that answers nothing counts as one that is away. A folder whose server is gone may not even refuse, and a
 * call to it ends never, while one that moves a GiB may well take minutes.
 *
 * SS1 Silence is the time in which somebody waits and nothing is answered: none of the calls, nor a small question that
 *     is put besides, in a thread of its own. A store that answers that one is at work on the others, however long.
 * SS2 Only the time counts in which this process looked: it may have been frozen, and whoever answered not been heard.
 * SS3 Whoever waits for a silent store gets a fault, and so does whoever asks it anything more: each call would hold a
 *     thread. The first late answer ends that.
 */
import { StoreFault } from "../../src/checkpoints/checkpoints.ts";
import type { Clock } from "../../src/runtime/clock.ts";

/** A pause of our own looks that voids what was counted (SS2): they come several times a second. */
const GAP_MS = 2_000;

export interface StoreSilenceOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** So long a silence is a fault. A sixth of it is waited before the small question. */
  readonly silentMs: number;
  /** The small question: resolves when it is answered (SS1). */
  readonly probe: () => Promise<void>;
  readonly onChange: (standing: "silent" | "answers") => void;
}

export class StoreSilence {
  readonly #options: StoreSilenceOptions;
  /** Gives up a call that is not answered. */
  readonly #waiting = new Set<() => void>();
  #sinceMs = 0;
  #lookedMs: number;
  #probing = false;
  #silent = false;

  constructor(options: StoreSilenceOptions) {
    this.#options = options;
    this.#lookedMs = options.clock.monotonicMs();
  }

  /** What `call` comes to. @throws what it throws; StoreFault when the store is silent (SS3) */
  answerOf<T>(call: () => Promise<T>): Promise<T> {
    if (this.#silent) return Promise.reject(this.#fault());
    if (this.#waiting.size === 0) this.#sinceMs = this.#options.clock.monotonicMs();
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(this.#fault());
      this.#waiting.add(giveUp);
      void call()
        .then(resolve, reject)
        .finally(() => {
          this.#waiting.delete(giveUp);
          this.#answered();
        });
    });
  }

  /** Called several times a second. */
  look(): void {
    const { clock, silentMs, onChange } = this.#options;
    const now = clock.monotonicMs();
    if (now - this.#lookedMs > GAP_MS) this.#sinceMs = now; // SS2
    this.#lookedMs = now;
    if (this.#waiting.size === 0 || this.#silent) return;
    if (now - this.#sinceMs >= silentMs / 6) this.#probe();
    if (now - this.#sinceMs < silentMs) return;
    this.#silent = true;
    onChange("silent");
    for (const giveUp of this.#waiting) giveUp();
    this.#waiting.clear();
  }

  #probe(): void {
    if (this.#probing) return;
    this.#probing = true;
    void this.#options.probe().finally(() => {
      this.#probing = false;
      this.#answered();
    });
  }

  #answered(): void {
    this.#sinceMs = this.#options.clock.monotonicMs();
    if (!this.#silent) return;
    this.#silent = false;
    this.#options.onChange("answers");
  }

  #fault(): StoreFault {
    const seconds = Math.round(this.#options.silentMs / 1_000);
    return new StoreFault("unavailable", `the store has answered nothing at all for ${seconds} s: is its server gone?`);
  }
}
