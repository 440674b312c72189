/**
 * When a call is sent again, and after which pause. Pure: the caller brings the random number.
 *
 * RY1 Only what may run twice is repeated: a read, or a write whose `Idempotency-Key` makes the second one harmless.
 * RY2 The server's `Retry-After` is a lower bound of the pause; if the caller's time ends before it, nobody waits.
 * RY3 A bounded number of times, with growing and spread pauses, so that a server that comes back is not overrun.
 */

/** `safe`: the call may run twice. `once`: it may not. */
export type Repeatability = "safe" | "once";

/** How a try ended that might be worth another one. */
export type Miss =
  /** No usable answer: connection refused, reset, or no Cairn behind the address. */
  | { readonly kind: "unreachable" }
  | { readonly kind: "status"; readonly status: number; readonly retryAfterMs: number | null };

/** 429 and 503 pass; 502 and 504 of a read come from what stands between, for Cairn gives a read neither. */
const PASSING: Readonly<Record<"read" | "write", readonly number[]>> = {
  read: [429, 502, 503, 504],
  write: [429, 503],
};
const FIRST_MS = 100;
const LONGEST_MS = 2_000;

export interface RetryQuestion {
  readonly miss: Miss;
  readonly method: string;
  readonly repeatability: Repeatability;
  /** 1 after the first try. */
  readonly tries: number;
  readonly maxTries: number;
  /** Until the caller's time is over, ms. */
  readonly remainingMs: number;
  /** In [0, 1). */
  readonly random: number;
}

/** @returns the pause before the next try in ms, or null: give up */
export function pauseBeforeRetry(question: RetryQuestion): number | null {
  const { miss, method, tries, random } = question;
  if (question.repeatability === "once" || tries >= question.maxTries) return null; // RY1, RY3
  if (miss.kind === "status" && !PASSING[method === "GET" ? "read" : "write"].includes(miss.status)) return null;
  const own = Math.min(FIRST_MS * 2 ** (tries - 1), LONGEST_MS) * (0.5 + random);
  const asked = miss.kind === "status" ? (miss.retryAfterMs ?? 0) : 0;
  const pause = Math.max(own, asked); // RY2
  return pause < question.remainingMs ? pause : null;
}

/**
 * Reads a `Retry-After` header: whole seconds or an HTTP date (RFC 9110, 10.2.3).
 * @param nowMs wall clock, for the date form
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
