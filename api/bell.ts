/**
 * Lets one loop wait for "look again": a ring while nobody waits is not lost, and many rings count once.
 */
export class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  /** As a property, so that it can be handed out. */
  readonly ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  /** Resolves at the next ring since the last `wait`, after `ms`, or when one of `signals` aborts. */
  async wait(ms: number, signals: readonly AbortSignal[]): Promise<void> {
    if (!this.#rung && !signals.some((signal) => signal.aborted)) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          for (const signal of signals) signal.removeEventListener("abort", wake);
          this.#wake = null;
          resolve();
        };
        const timer = setTimeout(wake, ms);
        for (const signal of signals) signal.addEventListener("abort", wake, { once: true });
        this.#wake = wake;
      });
    }
    this.#rung = false;
  }
}
