/** Ends a process that is not ours to `wait` for, and waits for one that is. */
import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { isRunning } from "./process-identity.mjs";
import type { ProcessIdentity } from "./process-identity.mjs";

const LOOK_EVERY_MS = 25;

/** Sends a signal to exactly this process; nothing happens if it is gone. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch {
    // It went away between the look and the signal.
  }
}

/**
 * SIGTERM, then SIGKILL after `graceMs`; resolves when the process is gone.
 * @throws if it outlives SIGKILL by another `graceMs` (a process stuck in the kernel, or not ours to signal)
 */
export async function endProcess(identity: ProcessIdentity, { graceMs }: { graceMs: number }): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    signalProcess(identity, signal);
    const begin = performance.now();
    while (isRunning(identity)) {
      if (performance.now() - begin > graceMs) break;
      await delay(LOOK_EVERY_MS);
    }
  }
  if (isRunning(identity)) throw new Error(`Process ${identity.pid} cannot be ended.`);
}

/** Resolves when the child has ended, or could not be started at all. Never rejects. */
export function waitForExit(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => {
      if (child.pid === undefined) resolve();
    });
  });
}
