/** What ends a worker: signals, counted, or the end of the process that started it. */
import type { Logger } from "../../src/runtime/logger.ts";

/** Equal signals within this time count once: under npm a Ctrl-C arrives twice. */
const ONCE_MS = 250;

export interface Leave {
  readonly why: string;
  /** Aborts at the second signal. */
  readonly hurry: AbortSignal;
}

/** Resolves at the first signal; the third ends the process at once. */
export function leaveOnSignals(logger: Logger): Promise<Leave> {
  const hurry = new AbortController();
  return new Promise((resolve) => {
    let count = 0;
    const lastMs = new Map<string, number>();
    const onEnd = (why: string): void => {
      const now = performance.now();
      if (now - (lastMs.get(why) ?? -Infinity) < ONCE_MS) return;
      lastMs.set(why, now);
      count += 1;
      logger.info({ why, count }, "asked to leave");
      if (count === 1) resolve({ why, hurry: hurry.signal });
      else if (count === 2) hurry.abort();
      else process.exit(1);
    };
    process.on("SIGTERM", () => onEnd("SIGTERM"));
    process.on("SIGINT", () => onEnd("SIGINT"));
    // Not counted: the guard of `npm start` sends its SIGTERM when that process is gone, and the two together must not
    // hurry, which would cost the last checkpoints.
    const onGone = (): void => {
      const why = "the process that started this worker is gone";
      logger.info({ why, count }, "asked to leave");
      resolve({ why, hurry: hurry.signal });
    };
    if (process.channel) process.once("disconnect", onGone);
  });
}
