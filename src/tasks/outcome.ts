/**
 * What a handler may throw to say more than "it failed". Any other error counts as retryable.
 *
 * Recognised by `code`, not by class: a user's bundle carries its own copy of these classes.
 */

/** The input is well-formed but wrong for this task: 422, never retried. */
export class InputRefused extends Error {
  readonly code = "cairn.input_refused";
  override readonly name = "InputRefused";
}

/** It would fail again: no retry. */
export class NotRetryable extends Error {
  readonly code = "cairn.not_retryable";
  override readonly name = "NotRetryable";
}

/** Try again, but not before `ms` milliseconds have passed. */
export class RetryAfter extends Error {
  readonly code = "cairn.retry_after";
  override readonly name = "RetryAfter";
  readonly ms: number;

  constructor(ms: number, message = `asked to be retried after ${ms} ms`, options?: ErrorOptions) {
    super(message, options);
    this.ms = ms;
  }
}

/**
 * This replica cannot take it at present, and nothing has been done: it may be tried on another one, also for a task
 * that must not run twice, and fewer requests are sent until nobody says so any more. What nobody takes is refused with
 * 503. For what the slots do not know of: a pool of connections that is used up, memory that is short.
 */
export class Overloaded extends Error {
  readonly code = "cairn.overloaded";
  override readonly name = "Overloaded";
  /** When to try again at the earliest, ms; null: no idea. */
  readonly retryAfterMs: number | null;

  constructor(message = "overloaded", options: ErrorOptions & { readonly retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** How an error of a handler is to be treated. */
export type HandlerFault =
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "not_retryable"; readonly message: string }
  | { readonly kind: "retry_after"; readonly message: string; readonly ms: number }
  | { readonly kind: "overloaded"; readonly message: string; readonly ms: number }
  | { readonly kind: "retryable"; readonly message: string };

/** Reads what a handler threw, whatever it was. */
export function classifyFault(thrown: unknown): HandlerFault {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;
  switch (code) {
    case "cairn.input_refused":
      return { kind: "refused", message };
    case "cairn.not_retryable":
      return { kind: "not_retryable", message };
    case "cairn.retry_after":
      return { kind: "retry_after", message, ms: asPause((thrown as RetryAfter).ms) };
    case "cairn.overloaded":
      return { kind: "overloaded", message, ms: asPause((thrown as Overloaded).retryAfterMs) };
    default:
      return { kind: "retryable", message };
  }
}

function asPause(ms: number | null): number {
  return ms !== null && Number.isFinite(ms) && ms > 0 ? ms : 0;
}
