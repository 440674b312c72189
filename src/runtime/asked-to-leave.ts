/**
 * What ends a server process: a signal, or the end of the process that started it.
 *
 * AL1 The first reason asks to leave in order, the second ends the process at once.
 * AL2 Signals that follow within 250 ms count once: under npm a Ctrl-C arrives twice.
 */
import type { Logger } from "./logger.ts";

const ONCE_MS = 250;

export interface LeaveOptions {
  readonly logger: Logger;
  /** Called when the channel to the process that started us has closed. */
  readonly onOrphaned?: () => void;
}

/** Resolves at the first reason to leave, with its words. */
export function askedToLeave({ logger, onOrphaned }: LeaveOptions): Promise<string> {
  return new Promise((resolve) => {
    let lastMs = -Infinity;
    let count = 0;
    const onAsked = (why: string): void => {
      const now = performance.now();
      if (now - lastMs < ONCE_MS) return; // AL2
      lastMs = now;
      count += 1;
      logger.info({ why, count }, "asked to leave");
      if (count > 1) process.exit(1); // AL1
      resolve(why);
    };
    process.on("SIGTERM", () => onAsked("SIGTERM"));
    process.on("SIGINT", () => onAsked("SIGINT"));
    process.once("disconnect", () => {
      onOrphaned?.();
      onAsked("the process that started this one is gone");
    });
  });
}
