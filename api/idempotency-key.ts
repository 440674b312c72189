/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): the name of one request among a client's repeats.
 *
 * I1 A string of a structured field, in quotes; without quotes it is taken as well.
 * I2 The fingerprint tells whether a repeat is the same request: SHA-256 of method, path and body, whatever the order
 *    of the body's keys.
 */
import { createHash } from "node:crypto";
import type { Json } from "../src/contract/json.ts";
import { canonicalJson } from "../src/tasks/canonical-json.ts";

export interface IdempotencyKey {
  readonly key: string;
  readonly fingerprint: string;
}

export type KeyRead = { readonly kind: "key"; readonly key: string | null } | { readonly kind: "bad" };

const PRINTABLE = /^[\x20-\x7e]{1,255}$/;

/** I1 */
export function readIdempotencyKey(header: string | undefined): KeyRead {
  if (header === undefined) return { kind: "key", key: null };
  let key = header.trim();
  if (key.startsWith('"')) {
    const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(key)?.[1];
    if (quoted === undefined) return { kind: "bad" };
    key = quoted.replace(/\\(["\\])/g, "$1");
  }
  return PRINTABLE.test(key) ? { kind: "key", key } : { kind: "bad" };
}

/** I2 */
export function fingerprintOf(method: string, path: string, body: Json): string {
  return createHash("sha256")
    .update(`${method} ${path}\n${canonicalJson(body)}`)
    .digest("hex");
}
