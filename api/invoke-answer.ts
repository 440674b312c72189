/** The HTTP forms of what became of an online request: of the outcome itself, and of the record that keeps it. */
import type { RawJob } from "../src/batch/batch.ts";
import { problem, type Problem } from "../src/contract/problem.ts";
import type { AttemptTrace, InvokeOutcome } from "../src/online/online.ts";
import { json, JSON_TYPE, refuse, refuseWith, type Answer, type Headers } from "./answer.ts";
import type { ApiDeps } from "./deps.ts";
import { jobAddress } from "./job-answer.ts";
import { attemptsOf, problemOf } from "./online-outcome.ts";
import type { ApiRequest } from "./request.ts";

const NO_HEADERS: Headers = {};

/** Which record tells more about a refusal. */
export function jobMembers(deps: Pick<ApiDeps, "publicUrl">, request: ApiRequest, id: string): Partial<Problem> {
  return { job: id, jobUrl: jobAddress(deps, request, id) };
}

/** `Server-Timing`: where the time went. Before anything was tried all of it is waiting. */
export function timing(queueMs: number, runMs: number, attempts: number): string {
  return `queue;dur=${queueMs.toFixed(2)}, run;dur=${runMs.toFixed(2)}, attempts;desc="${attempts}"`;
}

/** Of what was refused at the door: thousands in a second. */
const NOTHING_TRIED = timing(0, 0, 0);

/** The answer for an outcome. @param about members that a problem gets besides */
export function answerOutcome(
  task: string,
  outcome: InvokeOutcome,
  about: Partial<Problem> = {},
  headers = NO_HEADERS,
): Answer {
  if (outcome.kind === "answered") {
    const { queueMs, runMs, attempts } = outcome.timing;
    return {
      status: 200,
      headers: { "Server-Timing": timing(queueMs, runMs, attempts), ...headers },
      body: { kind: "text", mediaType: JSON_TYPE, text: outcome.output },
    };
  }
  const found = problemOf(task, outcome);
  if (found === null) return json(200, null); // The caller has gone: nobody reads it.
  const spent = timingOf(attemptsOf(outcome));
  return refuseWith({ ...found, ...about }, { ...limitHeaders(outcome), "Server-Timing": spent, ...headers });
}

function timingOf(attempts: readonly AttemptTrace[]): string {
  if (attempts.length === 0) return NOTHING_TRIED;
  const runMs = attempts.reduce((sum, attempt) => sum + (attempt.runMs ?? 0), 0);
  const lastMs = attempts.reduce((last, { endedMs }) => Math.max(last, endedMs ?? 0), 0);
  return timing(Math.max(0, lastMs - runMs), runMs, attempts.length);
}

/** draft-ietf-httpapi-ratelimit-headers-11: a share of what can be done at a time, and none of it left. */
function limitHeaders(outcome: InvokeOutcome): Headers {
  if (outcome.kind !== "no_capacity" && outcome.kind !== "over_share") return NO_HEADERS;
  const seconds = secondsOf(outcome.retryAfterMs);
  if (outcome.kind === "no_capacity") return { "Retry-After": seconds };
  return {
    "Retry-After": seconds,
    "RateLimit-Policy": `"share";q=${outcome.share};qu="concurrent-requests"`,
    RateLimit: `"share";r=0;t=${seconds}`,
  };
}

const secondsOf = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1_000)));

/** The answer that the record of a job in a final state keeps. */
export function answerRecord(deps: ApiDeps, request: ApiRequest, record: RawJob, headers = NO_HEADERS): Answer {
  const id = record["id"] ?? "";
  const about = jobMembers(deps, request, id);
  switch (record["state"]) {
    case "succeeded":
      return { status: 200, headers, body: { kind: "text", mediaType: JSON_TYPE, text: record["output"] ?? "null" } };
    case "cancelled":
      return refuse("job_cancelled", `job ${id} was cancelled`, about, headers);
    default:
      return refuseWith({ ...errorOf(record), ...about }, headers);
  }
}

/** Why a job failed; some ends are made where nobody knows the words for them. */
function errorOf(record: RawJob): Problem {
  const { error, task = "the task", reason } = record;
  if (error !== undefined && error !== "") return JSON.parse(error) as Problem;
  if (record["state"] === "expired") return problem("deadline_exceeded", `${task} did not answer in time`);
  return problem("task_failed", `${task} did not come to an answer: ${reason ?? "unknown"}`);
}

/** An answer that says at least that nothing was tried. */
export function withTiming(answer: Answer): Answer {
  if (answer.headers["Server-Timing"] !== undefined) return answer;
  return { ...answer, headers: { ...answer.headers, "Server-Timing": timing(0, 0, 0) } };
}
