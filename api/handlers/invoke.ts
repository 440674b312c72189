/** POST /v1/tasks/{task}/invoke: the input is the body, the answer is the output. */
import { fingerprintOf, readIdempotencyKey, type IdempotencyKey } from "../idempotency-key.ts";
import { json, JSON_TYPE, refuse, refuseWith, type Answer } from "../answer.ts";
import type { Claim } from "../answer-memory.ts";
import type { ApiDeps } from "../deps.ts";
import { parseJson } from "../json-body.ts";
import { readBody } from "../request-body.ts";
import { checkHead, sentence, tooLarge } from "../request-check.ts";
import type { ApiRequest } from "../request.ts";
import type { RouteDoc } from "../route.ts";
import type { TaskInfo } from "../../src/contract/worker.ts";
import { problem } from "../../src/contract/problem.ts";
import type { InvokeOutcome } from "../../src/online/online.ts";

/** What is known of an invocation once it is admitted. */
interface Invocation {
  readonly definitions: readonly TaskInfo[];
  readonly task: TaskInfo;
  readonly input: string;
  readonly deadlineMs: number;
}

/** Checks, runs and answers. The body passes through as text: it is parsed to be checked, and never written anew. */
export async function invokeTask(doc: RouteDoc, deps: ApiDeps, request: ApiRequest): Promise<Answer> {
  const name = request.params["task"] ?? "";
  const wrong = checkHead(doc, request);
  if (wrong !== null) return wrong;
  if (request.query !== "") return refuse("invalid_request", "this route takes no query");
  const definitions = deps.lookup.known(name) ?? (await deps.lookup.find(name));
  const [newest] = definitions;
  if (newest === undefined) return refuse("unknown_task", `no worker has registered a task ${name}`);
  if (newest.class !== "online") {
    return refuse("wrong_class", `${name} is a batch task; submit it to POST /v1/jobs`);
  }
  const deadlineMs = deadlineOf(request, newest, deps.limits.maxDeadlineMs);
  if (deadlineMs === null) {
    return refuse("invalid_deadline", `Request-Timeout-Ms is ${JSON.stringify(request.header("request-timeout-ms"))}`);
  }
  const keyRead = readIdempotencyKey(request.header("idempotency-key"));
  if (keyRead.kind === "bad") return refuse("invalid_idempotency_key", "the Idempotency-Key cannot be read");

  const limit = Math.min(deps.limits.inlineBytes, deps.limits.bodyBytes);
  const read = await readBody(request.incoming, limit);
  if (read.kind === "too_large") return tooLarge(limit);
  if (read.kind === "gone") return refuse("malformed_http", "the body broke off");
  const parsed = parseJson(read.bytes);
  if (parsed.kind === "bad") return refuseWith(parsed.problem);
  const fitting = deps.schemas.accepting(definitions, parsed.value);
  if (fitting.length === 0) {
    const errors = deps.schemas.explain(newest, parsed.value, "", read.bytes.length);
    return refuseWith(problem("invalid_input", sentence(errors), { errors }));
  }
  const invocation: Invocation = { definitions: fitting, task: newest, input: parsed.text, deadlineMs };
  if (keyRead.key === null) return answerOf(deps, newest, await run(deps, invocation, request));
  const { key } = keyRead;
  return once(deps, request, invocation, { key, fingerprint: fingerprintOf("POST", request.path, parsed.value) });
}

/** The caller's limit, else the task's default; null when it cannot be read. */
function deadlineOf(request: ApiRequest, task: TaskInfo, maxMs: number): number | null {
  const given = request.headers["request-timeout-ms"];
  if (given === undefined) return Math.min(task.deadlineMs ?? maxMs, maxMs);
  const ms = typeof given === "string" && /^\d{1,9}$/.test(given) ? Number(given) : 0;
  return ms >= 1 && ms <= maxMs ? ms : null;
}

/** @param caller whose going away aborts it; null: it runs on, for the repeat that will come */
async function run(deps: ApiDeps, invocation: Invocation, caller: ApiRequest | null): Promise<InvokeOutcome> {
  const begin = performance.now();
  const { task, definitions, input, deadlineMs } = invocation;
  const handle = deps.online.begin({ task: task.name, definitions, input, deadlineMs });
  caller?.whenGone(() => handle.abort());
  const outcome = await handle.outcome;
  deps.metrics.invoked(task.name, outcome.kind, (performance.now() - begin) / 1_000);
  return outcome;
}

/** With an Idempotency-Key: at most one of several equal requests runs, and all get its answer. */
async function once(
  deps: ApiDeps,
  request: ApiRequest,
  invocation: Invocation,
  idempotency: IdempotencyKey,
): Promise<Answer> {
  const { task, deadlineMs } = invocation;
  const mayRunTwice = task.idempotent === true;
  const claim = await deps.answers.claim(idempotency, { deadlineMs, mayRunTwice, gone: request.gone });
  switch (claim.kind) {
    case "answered": {
      const { status, mediaType, body } = claim.answer;
      const headers = { "Idempotency-Replayed": "true" };
      if (status === 200) return { status, headers, body: { kind: "text", mediaType, text: body } };
      return refuseWith(JSON.parse(body) as ReturnType<typeof problem>, headers);
    }
    case "reused":
      return refuse("idempotency_key_reused", "the first request with this key was another one");
    case "pending":
      return refuse("idempotency_in_progress", "the first request with this key has not been answered yet");
    case "stale":
      return refuse("outcome_unknown", "the process that ran the first request with this key is gone", { status: 502 });
    case "claimed":
      return keep(deps, claim, { task, outcome: await run(deps, invocation, null) });
  }
}

/** Stores the answer for repeats, unless nothing ran or it may run again (A4 of `answer-memory.ts`). */
async function keep(
  deps: ApiDeps,
  claim: Extract<Claim, { kind: "claimed" }>,
  { task, outcome }: { readonly task: TaskInfo; readonly outcome: InvokeOutcome },
): Promise<Answer> {
  const answer = answerOf(deps, task, outcome);
  const final =
    outcome.kind === "answered" || outcome.kind === "refused" || (task.idempotent !== true && mayHaveRun(outcome));
  const { body } = answer;
  const text = body.kind === "text" ? body.text : JSON.stringify(body.kind === "problem" ? body.problem : null);
  const remembered = final ? { status: answer.status, mediaType: JSON_TYPE, body: text } : null;
  try {
    await deps.answers.settle(claim, remembered);
  } catch (error) {
    // The caller gets its answer all the same; a repeat will be told that the outcome is unknown (A3).
    deps.logger.warn({ err: error, task: task.name }, "answer with an idempotency key could not be stored");
  }
  return answer;
}

function mayHaveRun(outcome: InvokeOutcome): boolean {
  switch (outcome.kind) {
    case "failed":
    case "outcome_unknown":
      return true;
    case "deadline":
      return outcome.attempts.some((attempt) => attempt.runMs !== null || attempt.replica !== null);
    default:
      return false;
  }
}

/** The HTTP form of an outcome. */
function answerOf(deps: ApiDeps, task: TaskInfo, outcome: InvokeOutcome): Answer {
  switch (outcome.kind) {
    case "answered": {
      const { queueMs, runMs, attempts } = outcome.timing;
      const timing = `queue;dur=${queueMs.toFixed(2)}, run;dur=${runMs.toFixed(2)}, attempts;desc="${attempts}"`;
      return {
        status: 200,
        headers: { "Server-Timing": timing },
        body: { kind: "text", mediaType: JSON_TYPE, text: outcome.output },
      };
    }
    case "refused":
      return refuse("input_refused", outcome.message);
    case "failed": {
      const { attempts, message } = outcome;
      return refuse(outcome.fault === "task" ? "task_failed" : "invalid_output", message, { attempts: [...attempts] });
    }
    case "outcome_unknown":
      return refuse("outcome_unknown", `${task.name} may have run, and is not one that may run twice`, {
        status: 502,
        attempts: [...outcome.attempts],
      });
    case "no_worker":
      return refuse("no_worker", `no live worker has ${task.name}`);
    case "no_capacity": {
      const seconds = String(Math.max(1, Math.ceil(outcome.retryAfterMs / 1_000)));
      return refuse(
        "no_capacity",
        "all replicas are busy for longer than the deadline allows",
        {},
        {
          "Retry-After": seconds,
        },
      );
    }
    case "deadline":
      return refuse("deadline_exceeded", `${task.name} did not answer in time`, { attempts: [...outcome.attempts] });
    case "unavailable":
      return refuse("redis_unavailable", outcome.detail);
    case "aborted":
      deps.logger.debug({ task: task.name }, "caller went away");
      return json(200, null); // Nobody reads it.
  }
}
