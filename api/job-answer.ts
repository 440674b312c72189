/** The HTTP forms of a job. */
import { createHash } from "node:crypto";
import { isFinalState, type Job } from "../src/contract/job.ts";
import { empty, json, JSON_TYPE, type Answer, type Headers } from "./answer.ts";
import type { ApiDeps } from "./deps.ts";
import type { ApiRequest } from "./request.ts";

/** A job that is not final is worth another look after this, s. */
const LOOK_AGAIN: Headers = { "Retry-After": "1" };

/** Where the caller reaches this API: the public address, else what the request was sent to. Without a slash behind it. */
export function ownAddress(deps: Pick<ApiDeps, "publicUrl">, request: ApiRequest): string {
  return deps.publicUrl?.replace(/\/+$/, "") ?? `http://${request.headers.host ?? "localhost"}`;
}

/** Absolute address of a job, under the name by which this API was called. */
export function jobAddress(deps: Pick<ApiDeps, "publicUrl">, request: ApiRequest, id: string): string {
  const base = ownAddress(deps, request);
  return `${base}/v1/jobs/${id}`;
}

/** A job that was accepted: 200 when it has ended already, else 202 with where and when to look. */
export function acceptedJob(deps: ApiDeps, request: ApiRequest, job: Job, headers: Headers = {}): Answer {
  const ended = isFinalState(job.state);
  return json(ended ? 200 : 202, job, {
    Location: jobAddress(deps, request, job.id),
    ...(ended ? {} : LOOK_AGAIN),
    ...headers,
  });
}

/** The job as it is, or 304 when the caller has it already. */
export function presentJob(request: ApiRequest, job: Job, headers: Headers = {}): Answer {
  const body = JSON.stringify(job);
  // How long it has waited changes with every look; that alone is no news of the job.
  const version = isFinalState(job.state) ? body : JSON.stringify({ ...job, goodput: null });
  const etag = `"${createHash("sha256").update(version).digest("base64url").slice(0, 22)}"`;
  const all = { ETag: etag, ...(isFinalState(job.state) ? {} : LOOK_AGAIN), ...headers };
  if (matchesTag(request.header("if-none-match"), etag)) return empty(304, all);
  return { status: 200, headers: all, body: { kind: "text", mediaType: JSON_TYPE, text: body } };
}

/** RFC 9110, 13.1.2: a weak comparison with any of the tags. */
export function matchesTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
}
