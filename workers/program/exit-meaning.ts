/**
 * What the end of a program's process means. Exit codes alone mislead: one program exits with 1 after a good
 * checkpoint, another with 0 though it was interrupted.
 *
 * XM1 Done is only what has a code of `done` and everything that `complete` asks for.
 * XM2 An exit that was asked for is a checkpoint, if there is a new one: whatever its code, unless that means failure.
 *     One that died of another signal meanwhile may have died while it wrote.
 * XM3 A signal from outside is the machine's fault, also while the program writes a checkpoint; one that a program
 *     raises by its own error is the program's, and so is that it dies of the one by which it was asked.
 * XM4 A shell that waits for the program tells its signal as a code: 137 is SIGKILL. It counts as the signal, unless the
 *     definition gives that code a meaning.
 */
import { constants } from "node:os";
import type { ProgramDefinition } from "../../src/tasks/program/definition.ts";
import type { Exit } from "./process-run.ts";

/** Sent by people, by the system when memory is short, by a shutdown: not by a fault of the program. */
const FROM_OUTSIDE = new Set(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"]);

export interface Circumstances {
  /** What `complete` asks for and is not so; null: all of it holds. */
  readonly incomplete: string | null;
  /** Was it asked for a checkpoint by a trigger to which it exits? */
  readonly asked: "to_exit" | "no";
  /** The signal by which it was asked; null: by other means, or not at all. */
  readonly bySignal: string | null;
  /** Has it written a checkpoint since it was asked? */
  readonly hasNews: "yes" | "no";
}

export type ExitMeaning =
  | { readonly kind: "done" }
  | { readonly kind: "checkpointed" }
  | { readonly kind: "failed"; readonly fault: "error" | "not_retryable"; readonly why: string }
  | { readonly kind: "lost"; readonly why: string };

export function meaningOf(exit: Exit, codes: ProgramDefinition["exitCodes"], now: Circumstances): ExitMeaning {
  const signal = exit.signal ?? signalOf(exit.code); // XM4
  const means = (list: readonly (string | number)[]): boolean =>
    list.includes(exit.signal ?? exit.code ?? -1) || (signal !== null && list.includes(signal));
  const told = exit.signal === null && signal !== null ? `, which is how a shell tells ${signal}` : "";
  const how = exit.signal === null ? `exited with code ${exit.code}${told}` : `was ended by ${exit.signal}`;
  if (means(codes.done) && now.incomplete === null) return { kind: "done" }; // XM1
  if (means(codes.fail)) return { kind: "failed", fault: "not_retryable", why: how };
  if (means(codes.retry)) return { kind: "failed", fault: "error", why: how };
  if (means(codes.checkpointed)) return { kind: "checkpointed" };
  const willing = signal === null || signal === now.bySignal;
  if (now.asked === "to_exit" && now.hasNews === "yes" && willing) return { kind: "checkpointed" }; // XM2
  if (means(codes.done))
    return { kind: "failed", fault: "error", why: `${how}, but is not complete: ${now.incomplete}` };
  if (signal !== null && FROM_OUTSIDE.has(signal)) {
    return now.asked === "to_exit" && signal === now.bySignal
      ? { kind: "failed", fault: "error", why: `${how} when it was asked for a checkpoint, and wrote none` }
      : { kind: "lost", why: how }; // XM3
  }
  return { kind: "failed", fault: codes.otherwise === "fail" ? "not_retryable" : "error", why: how };
}

/** XM4 */
function signalOf(code: number | null): string | null {
  const found = Object.entries(constants.signals).find(([, number]) => code === 128 + number);
  return found?.[0] ?? null;
}
