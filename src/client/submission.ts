/** The call that submits. */
import type { ArraySpec } from "../contract/array.ts";
import type { SubmitRequest } from "../contract/job.ts";
import type { Call } from "./http.ts";
import type { SubmitOptions } from "./options.ts";

type Body = Omit<SubmitRequest, "input"> & { readonly input?: SubmitRequest["input"]; readonly array?: ArraySpec };

/** POST /v1/jobs with an Idempotency-Key, so that it may be repeated (C3). */
export function submissionCall(
  body: Body,
  { idempotencyKey, signal }: SubmitOptions,
  headers: Readonly<Record<string, string>>,
): Call {
  const key = idempotencyKey ?? crypto.randomUUID();
  return {
    method: "POST",
    path: "/v1/jobs",
    body,
    headers: { ...headers, "idempotency-key": quoted(key) },
    repeatability: "safe",
    signal,
  };
}

/** As the string of a structured field (RFC 8941), which is what the draft on the header asks for. */
export function quoted(key: string): string {
  return `"${key.replace(/["\\]/g, "\\$&")}"`;
}
