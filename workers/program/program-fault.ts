/**
 * What goes wrong before, between and behind the runs of a program, as the keeper is told.
 *
 * PX1 What the input has wrong is the caller's and never tried again; what this machine lacks is not the job's fault.
 */
import { NotRetryable } from "../../src/tasks/outcome.ts";
import { NotExpandable } from "../../src/tasks/program/expand.ts";
import { diskTrouble } from "../runner/disk-trouble.ts";
import type { FromRunner } from "../runner/protocol.ts";
import { NoExecutable } from "./environment.ts";

/** This worker does not have what the job needs. */
export class UnfitWorker extends Error {
  override readonly name = "UnfitWorker";
}

/** PX1 */
export function faultOf(error: unknown): FromRunner {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UnfitWorker || error instanceof NoExecutable) return { kind: "unfit", message };
  const trouble = diskTrouble(error);
  if (trouble !== null) return { kind: "no_room", why: trouble, message };
  if (error instanceof NotExpandable) return failure("refused", message);
  return failure(error instanceof NotRetryable ? "not_retryable" : "error", message);
}

export function failure(fault: "error" | "refused" | "not_retryable" | "timed_out", message: string): FromRunner {
  note(message);
  return { kind: "failed", fault, message, retryAfterMs: null };
}

/** A line of Cairn's own in the job's log. */
export function note(text: string): void {
  process.stderr.write(`[cairn] ${text}\n`);
}
