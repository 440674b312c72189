/** What a handler gives back: plain data, written to the socket by `write-answer.ts` whichever server runs it. */
import { problem, type Problem } from "../src/contract/problem.ts";
import { ERROR_CODES, type ErrorCode } from "../src/domain/error-code.ts";

export type Headers = Readonly<Record<string, string>>;

export type Body =
  | { readonly kind: "none" }
  | { readonly kind: "text"; readonly mediaType: string; readonly text: string }
  | { readonly kind: "problem"; readonly problem: Problem }
  /** Written chunk by chunk, as fast as the reader reads. It is left (`return`) when the client goes. */
  | {
      readonly kind: "stream";
      readonly mediaType: string;
      readonly chunks: AsyncIterable<string | Uint8Array>;
      /** Bytes in all, where they are known. */
      readonly length?: number;
    };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export const JSON_TYPE = "application/json; charset=utf-8";
export const HTML_TYPE = "text/html; charset=utf-8";

const NO_HEADERS: Headers = {};
/** What a caller is told to wait when nothing better is known, s. */
const RETRY_AFTER_S = "1";

/** A JSON answer. */
export function json(status: number, value: unknown, headers: Headers = NO_HEADERS): Answer {
  return { status, headers, body: { kind: "text", mediaType: JSON_TYPE, text: JSON.stringify(value) } };
}

export function text(mediaType: string, content: string, headers: Headers = NO_HEADERS): Answer {
  return { status: 200, headers, body: { kind: "text", mediaType, text: content } };
}

export function empty(status: number, headers: Headers = NO_HEADERS): Answer {
  return { status, headers, body: { kind: "none" } };
}

/** A refusal. What may succeed later carries `Retry-After`. */
export function refuse(code: ErrorCode, detail: string, extra: Partial<Problem> = {}, headers = NO_HEADERS): Answer {
  return refuseWith(problem(code, detail, extra), headers);
}

/** A refusal by a problem that was made elsewhere. */
export function refuseWith(found: Problem, headers: Headers = NO_HEADERS): Answer {
  const retry: Headers = ERROR_CODES[found.code].retryable ? { "Retry-After": RETRY_AFTER_S } : NO_HEADERS;
  return { status: found.status, headers: { ...retry, ...headers }, body: { kind: "problem", problem: found } };
}
