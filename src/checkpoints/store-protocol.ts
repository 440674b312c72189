/**
 * What `cairn store` and its clients say to each other over HTTP/1.1.
 *
 *     PUT    /v1/objects/<name>    creates; `If-None-Match: *`, `Content-Length` and `Content-Digest` are demanded
 *     GET    /v1/objects/<name>    the content; `Range: bytes=a-` or `bytes=a-b` for a part of it
 *     HEAD   /v1/objects/<name>    its size
 *     DELETE /v1/objects/<name>    204, also if it is gone already
 *     GET    /v1/objects?prefix=&after=   names in order, as NDJSON: a JSON string a line, `null` behind the last
 *     POST   /v1/sweep             removes what killed writers left: `{"swept": n}`
 *     GET    /livez /readyz
 *
 * Every other answer is a problem (RFC 9457) with a `code` of `STORE_PROBLEMS`. With a token set, all but the probes
 * want `Authorization: Bearer <token>`.
 *
 * H1 A repeated PUT with the same `Idempotency-Key` is the same creation: a client whose connection broke before the
 *    answer asks again and is told that it created the name.
 * H2 While it works on a PUT the server says so every few seconds (102): silence for a minute means that it is gone.
 * H3 A list that does not end with `null` was cut off.
 * H4 Every answer has `Cairn-Store` with the number of this protocol: what comes without it comes from somebody else.
 */
export const VERSION_HEADER = "cairn-store";
export const VERSION = "1";
export const OBJECTS = "/v1/objects";
export const SWEEP = "/v1/sweep";
export const NDJSON = "application/x-ndjson";

/** The statuses of problems, by code. */
export const STORE_PROBLEMS = {
  /** The name is none, or the request is not what the list above says. */
  bad_request: 400,
  unauthorized: 401,
  /** What lies behind refuses us: its operator has to change something. */
  refused: 403,
  not_found: 404,
  method_not_allowed: 405,
  /** The name carries an older fence than another name of the job that was written already. */
  stale_fence: 409,
  length_required: 411,
  exists: 412,
  range_not_satisfiable: 416,
  /** The content is not what `Content-Digest` says. */
  content_changed: 422,
  precondition_required: 428,
  unavailable: 503,
  full: 507,
} as const;

export type StoreProblem = keyof typeof STORE_PROBLEMS;

/** RFC 9530. */
export function contentDigest(sha256: string): string {
  return `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:`;
}

/** The SHA-256 of a `Content-Digest` as hex; null if it has none. Other algorithms may stand beside it. */
export function parseContentDigest(value: string | undefined): string | null {
  const encoded = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(value ?? "")?.[1];
  return encoded === undefined ? null : Buffer.from(encoded, "base64").toString("hex");
}
