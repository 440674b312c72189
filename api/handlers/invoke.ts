/** POST /v1/tasks/{task}/invoke: the input is the body, the answer is the output. */
import { problem } from "../../src/contract/problem.ts";
import type { TaskInfo } from "../../src/contract/worker.ts";
import { PRIORITY_ORDER, readPriority, type Priority } from "../../src/domain/priority.ts";
import { refuse, refuseWith, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { fingerprintOf, readIdempotencyKey } from "../idempotency-key.ts";
import { answerOutcome, withTiming } from "../invoke-answer.ts";
import { parseJson } from "../json-body.ts";
import { readPrefer } from "../prefer.ts";
import { readBody } from "../request-body.ts";
import { checkHead, sentence, tooLarge } from "../request-check.ts";
import type { ApiRequest } from "../request.ts";
import type { RouteDoc } from "../route.ts";
import { answerFailure, invokeRecorded, invokeWithin, type Invocation } from "./invoke-recorded.ts";

/** Checks, runs and answers. The body passes through as text: it is parsed to be checked, and never written anew. */
export async function invokeTask(doc: RouteDoc, deps: ApiDeps, request: ApiRequest): Promise<Answer> {
  return withTiming(await invoke(doc, deps, request));
}

async function invoke(doc: RouteDoc, deps: ApiDeps, request: ApiRequest): Promise<Answer> {
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
  const preferences = readPrefer(request.header("prefer"), deps.limits.maxWaitMs);
  const { maxDeadlineMs, maxAsyncDeadlineMs } = deps.limits;
  const deadlineMs = deadlineOf(request, newest, preferences.respondAsync ? maxAsyncDeadlineMs : maxDeadlineMs);
  if (deadlineMs === null) {
    return refuse("invalid_deadline", `Request-Timeout-Ms is ${JSON.stringify(request.header("request-timeout-ms"))}`);
  }
  const priority = priorityOf(request);
  if (priority === null) {
    const errors = [{ header: "Cairn-Priority", detail: `is none of ${PRIORITY_ORDER.join(", ")}` }];
    return refuse("invalid_request", sentence(errors), { errors });
  }
  const keyRead = readIdempotencyKey(request.header("idempotency-key"));
  if (keyRead.kind === "bad") return refuse("invalid_idempotency_key", "the Idempotency-Key cannot be read");

  const { key } = keyRead;
  // What is refused anyway is not read, parsed and checked first. A key may belong to an answer that is there already,
  // and who asks for a job takes his turn.
  const plain = key === null && !preferences.respondAsync;
  const refusal = plain ? deps.online.refuseEarly({ task: name, deadlineMs, priority, caller: request.caller }) : null;
  if (refusal !== null) {
    deps.metrics.invoked(name, refusal, 0);
    const held =
      "retryAfterMs" in refusal ? deps.restraint.hold(request.incoming.socket, refusal.retryAfterMs, deadlineMs) : null;
    if (held !== null) await held;
    return answerOutcome(name, refusal);
  }

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
  const { traceparent } = request;
  const { caller } = request;
  const invocation: Invocation = {
    definitions: fitting,
    task: newest,
    input: parsed.text,
    deadlineMs,
    caller,
    priority,
    traceparent,
  };
  if (!plain) {
    const fingerprint = key === null ? "" : fingerprintOf("POST", request.path, parsed.value);
    return invokeRecorded(deps, request, invocation, {
      idempotency: key === null ? null : { key, fingerprint },
      preferences,
    });
  }
  if (preferences.waitMs !== null) return invokeWithin(deps, request, invocation, preferences);
  return await run(deps, invocation, request);
}

/** The caller's limit, else the task's default; null when it cannot be read. */
function deadlineOf(request: ApiRequest, task: TaskInfo, maxMs: number): number | null {
  const given = request.headers["request-timeout-ms"];
  if (given === undefined) return Math.min(task.deadlineMs ?? maxMs, maxMs);
  const ms = typeof given === "string" && /^\d{1,9}$/.test(given) ? Number(given) : 0;
  return ms >= 1 && ms <= maxMs ? ms : null;
}

function priorityOf(request: ApiRequest): Priority | null {
  const given = request.header("cairn-priority");
  return given === undefined ? "default" : readPriority(given);
}

/** The plain way: its caller's going away aborts it, and nothing is kept of it unless it fails. */
async function run(deps: ApiDeps, invocation: Invocation, client: ApiRequest): Promise<Answer> {
  const begin = performance.now();
  // Field by field: this is on the way of every request, and a copy of the rest of an object is slow.
  const { task, definitions, input, deadlineMs, caller, priority, traceparent } = invocation;
  const { name } = task;
  const handle = deps.online.begin({ task: name, definitions, input, deadlineMs, caller, priority, traceparent });
  client.whenGone(() => handle.abort());
  const outcome = await handle.outcome;
  const tookMs = performance.now() - begin;
  deps.metrics.invoked(name, outcome, tookMs / 1_000);
  if (outcome.kind === "answered") {
    deps.slow.note(name, handle.id, outcome, tookMs);
    return answerOutcome(name, outcome);
  }
  return await answerFailure(deps, client, { invocation, id: handle.id, outcome, ageMs: tookMs });
}
