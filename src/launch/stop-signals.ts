/**
 * What the person at the terminal, or the system, says about stopping.
 *
 * S1 First SIGINT or SIGTERM: gracefully. Second: hurry. Third: at once.
 * S2 Equal signals within 250 ms count once: under npm a Ctrl-C arrives from the terminal and again from npm.
 * S3 npm killed with SIGKILL cannot pass anything on: under npm, a parent that changed means to end, quickly, since
 *    the command that was typed has ended already. The same for SIGHUP, the terminal that is gone.
 */
import { watchParent } from "./started-by-npm.mjs";

export type StopOrder = "gracefully" | "hurry" | "at_once";

const SAME_MS = 250;

export interface StopSignals {
  /** No more is listened to; signals have their usual effect again. */
  close(): void;
}

/** @param options.parent the process that started us, if its end is to be ours (npm); else null */
export function onStopSignals(options: {
  readonly parent: number | null;
  readonly onOrder: (order: StopOrder, why: string) => void;
}): StopSignals {
  const orders = ["gracefully", "hurry", "at_once"] as const;
  const lastAt = new Map<string, number>();
  let given = 0;
  const give = (order: StopOrder, why: string): void => {
    given = Math.max(given, orders.indexOf(order)) + 1;
    options.onOrder(order, why);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    const before = lastAt.get(signal) ?? -Infinity;
    lastAt.set(signal, now);
    if (now - before < SAME_MS) return; // S2
    give(orders[Math.min(given, 2)] ?? "at_once", signal); // S1
  };
  const onHangUp = (): void => {
    if (given < 2) give("hurry", "SIGHUP"); // S3
  };
  const unwatch = watchParent(options.parent, () => {
    if (given < 2) give("hurry", "npm is gone"); // S3
  });
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onHangUp);
  return {
    close: () => {
      unwatch();
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal).off("SIGHUP", onHangUp);
    },
  };
}
