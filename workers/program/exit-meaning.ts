/**
 * What the end of a program's process means. Exit codes alone mislead: one program exits with 1 after a good
 * checkpoint, another with 0 though it was interrupted.
 *
 * XM1 Done is only what has a code of `done` and everything that `complete` asks for.
 * XM2 An exit that was asked for is a checkpoint, if there is a new one: whatever its code, unless that means failure.
 *     One that died of another signal meanwhile may have died while it wrote. Where `complete` asks for nothing, 0 is the
 *     code of both ends: taken for a checkpoint, one that had finished finishes again; taken for the end, one that was
 *     interrupted never does. So one that is told to end for good is not done by it, whether it wrote one or found that
 *     its last was young enough.
 * XM3 A signal from outside is the machine's fault, also while the program writes a checkpoint; one that a program
 *     raises by its own error is the program's, and so is that it dies of the one by which it was asked.
 * XM4 A shell that waits for the program tells its signal as a code: 137 is SIGKILL. It counts as the signal, unless the
 *     definition gives that code a meaning.
 */
import { constants } from "node:os";
import { type ProgramDefinition, tellsByExit } from "../../src/tasks/program/definition.ts";
import type { Exit } from "./process-run.ts";

/** Sent by people, by the system when memory is short, by a shutdown: not by a fault of the program. */
const FROM_OUTSIDE = new Set(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"]);
const NOT_READY = "if it could not answer yet: `checkpoint.ready` says from when on it can be asked";

export interface Circumstances {
  /** What `complete` asks for and is not so; null: all of it holds. */
  readonly incomplete: string | null;
  /** What tells the end from an interruption: `complete` asks for something, or the exit code is all there is. */
  readonly doneBy: "complete" | "code";
  /** Was it asked for a checkpoint, and what is it to do then? `to_end`: to exit, and not to be started again. */
  readonly asked: "to_exit" | "to_end" | "to_go_on" | "no";
  /** The signal by which it was asked; null: by other means, or not at all. */
  readonly bySignal: string | null;
  /** Has it written a checkpoint since it was asked? `before`: before that, and nobody has frozen it yet. */
  readonly hasNews: "yes" | "before" | "no";
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
  const willing = signal === null || signal === now.bySignal;
  const isToExit = now.asked === "to_exit" || now.asked === "to_end";
  const hasNews = now.hasNews === "yes" || (now.hasNews === "before" && signal === null);
  const answered = isToExit && hasNews && willing;
  const tells = now.doneBy === "complete" || tellsByExit({ exitCodes: codes });
  const isInDoubt = !tells && (answered || (now.asked === "to_end" && willing));
  if (means(codes.done) && now.incomplete === null && !isInDoubt) return { kind: "done" }; // XM1
  if (means(codes.fail)) return { kind: "failed", fault: "not_retryable", why: how };
  if (means(codes.retry)) return { kind: "failed", fault: "error", why: how };
  if (means(codes.checkpointed)) return { kind: "checkpointed" };
  if (answered) return { kind: "checkpointed" }; // XM2
  if (means(codes.done) && isInDoubt)
    return {
      kind: "lost",
      why: `${how} without a new checkpoint, and \`complete\` does not tell whether it has finished`,
    };
  if (means(codes.done)) {
    const again = `if it wants to be started again then, \`exitCodes.checkpointed\` has to have that code too`;
    return { kind: "failed", fault: "error", why: `${how}, but is not complete: ${now.incomplete} (${again})` };
  }
  const ofAsking = now.asked !== "no" && now.hasNews !== "yes" && willing;
  if (signal !== null && FROM_OUTSIDE.has(signal) && !(ofAsking && signal === now.bySignal))
    return { kind: "lost", why: how }; // XM3
  const why = ofAsking ? `${how} when it was asked for a checkpoint, and wrote none (${NOT_READY})` : how;
  const isFinal = codes.otherwise === "fail" && signal !== now.bySignal;
  return { kind: "failed", fault: isFinal ? "not_retryable" : "error", why };
}

/** XM4 */
function signalOf(code: number | null): string | null {
  const found = Object.entries(constants.signals).find(([, number]) => code === 128 + number);
  return found?.[0] ?? null;
}
