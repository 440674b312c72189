/**
 * Online requests that get a record: with an `Idempotency-Key`, with `Prefer: respond-async`, and those that outlive
 * their `Prefer: wait`.
 *
 * K1 Of several equal requests with one key one runs, at whatever process it came in; the others attach to it.
 * K2 An answer is told when it is committed, not before: a repeat is never told anything else.
 * K3 A request that certainly did not run leaves no record, so that a repeat runs.
 * K4 A request that nobody asked to be kept gets its record only when its wait is over.
 */
import { toJob, type NewOnlineJob } from "../../src/batch/batch.ts";
import { isFinalState } from "../../src/contract/job.ts";
import type { TaskInfo } from "../../src/contract/worker.ts";
import type { Priority } from "../../src/domain/priority.ts";
import type { InvocationHandle, InvokeOutcome } from "../../src/online/online.ts";
import { classifyRedisError } from "../../src/redis/fault.ts";
import { refuse, type Answer, type Headers } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import type { IdempotencyKey } from "../idempotency-key.ts";
import { answerOutcome, answerRecord, jobMembers } from "../invoke-answer.ts";
import { acceptedJob } from "../job-answer.ts";
import type { OnlineRun } from "../online-run.ts";
import { preferenceHeaders, type Preferences } from "../prefer.ts";
import type { ApiRequest } from "../request.ts";

/** What is known of an invocation once it is admitted. */
export interface Invocation {
  /** Those that take the input, newest first. */
  readonly definitions: readonly TaskInfo[];
  readonly task: TaskInfo;
  readonly input: string;
  readonly deadlineMs: number;
  /** Who asks, and how urgently: for its turn among others. */
  readonly caller: string;
  readonly priority: Priority;
  /** W3C, valid; null: none. */
  readonly traceparent: string | null;
}

/** What a caller waits for, and how long. */
interface Wait {
  readonly waitMs: number;
  /** What is said when the wait is over before the job: 202, or that it is not known. */
  readonly whenOver: "accepted" | "in_progress";
  readonly headers: Headers;
}

/** An answer that is ready is committed within this, ms, or its caller is told that the outcome is not known. */
const COMMIT_WITHIN_MS = 2_000;

/** May it run twice? While two definitions live, the stricter word counts. */
const mayRunTwice = (definitions: readonly TaskInfo[]): boolean =>
  definitions.every(({ idempotent }) => idempotent === true);

/** With a key, or asked for asynchronously. @throws RedisFault */
export async function invokeRecorded(
  deps: ApiDeps,
  request: ApiRequest,
  invocation: Invocation,
  how: { readonly idempotency: IdempotencyKey | null; readonly preferences: Preferences },
): Promise<Answer> {
  const { preferences, idempotency } = how;
  const { definitions, deadlineMs, caller, priority } = invocation;
  const { respondAsync } = preferences;
  const beganMs = deps.clock.monotonicMs();
  const longestMs = preferences.waitMs ?? (respondAsync ? 0 : deadlineMs);
  const wait = (headers: Headers): Wait => ({
    waitMs: Math.max(0, longestMs - (deps.clock.monotonicMs() - beganMs)),
    whenOver: preferences.applied === null ? "in_progress" : "accepted",
    headers: { ...preferenceHeaders(preferences), ...headers },
  });
  for (;;) {
    const job: NewOnlineJob = {
      ...newJob(request, invocation, deps.online.newId()),
      idempotency: idempotency === null ? null : { ...idempotency, replacesFailed: true },
    };
    const begun = await deps.onlineJobs.begin(job, respondAsync ? "in_turn" : "now", {
      definitions,
      whenNotStarted: respondAsync ? "put_back" : "forget",
      turn: respondAsync ? null : { caller, priority },
    });
    switch (begun.kind) {
      case "key_reused":
        return refuse("idempotency_key_reused", "the first request with this key was another one", { job: begun.id });
      case "running":
        return await own(deps, request, begun.run, wait({}));
      case "waiting":
        return (await attach(deps, request, begun.job.id, wait({}))) ?? unknown(deps, request, begun.job.id);
      case "replayed": {
        const found = await attach(deps, request, begun.id, wait({ "Idempotency-Replayed": "true" })); // K1
        if (found !== null) return found;
        // K3: the first one did not run and is gone: this one is the first now.
      }
    }
  }
}

/** Unkeyed, with `Prefer: wait`: as any request, until the wait is over (K4). */
export async function invokeWithin(
  deps: ApiDeps,
  request: ApiRequest,
  invocation: Invocation,
  preferences: Preferences,
): Promise<Answer> {
  const { task, ...asked } = invocation;
  const headers = preferenceHeaders(preferences);
  const begin = performance.now();
  const handle = deps.online.begin({ task: task.name, ...asked });
  void handle.outcome.then((outcome) => deps.metrics.invoked(task.name, outcome, (performance.now() - begin) / 1_000));
  let kept = false;
  request.whenGone(() => {
    if (!kept) handle.abort();
  });
  const outcome = await within(deps, handle.outcome, preferences.waitMs ?? 0);
  const ended = (found: InvokeOutcome): Promise<Answer> => {
    const ageMs = performance.now() - begin;
    return answerFailure(deps, request, { invocation, id: handle.id, outcome: found, ageMs }, headers);
  };
  if (outcome !== null) return await ended(outcome);
  kept = true;
  const accepted = await keep(deps, request, invocation, handle, performance.now() - begin);
  if (accepted !== null) return { ...accepted, headers: { ...accepted.headers, ...headers } };
  kept = false;
  return await ended(await handle.outcome);
}

/** The answer for a request without a record; a failure gets one, if the budget allows it, and tells where it is. */
export async function answerFailure(
  deps: ApiDeps,
  request: ApiRequest,
  ended: {
    readonly invocation: Invocation;
    readonly id: string;
    readonly outcome: InvokeOutcome;
    readonly ageMs: number;
  },
  headers: Headers = {},
): Promise<Answer> {
  const { invocation, id, outcome, ageMs } = ended;
  const kept = await deps.failures.keep(newJob(request, invocation, id), outcome, ageMs);
  return answerOutcome(invocation.task.name, outcome, kept ? jobMembers(deps, request, id) : {}, headers);
}

/** Makes a job of a request under way. Null when Redis is away: then its caller waits on. */
async function keep(
  deps: ApiDeps,
  request: ApiRequest,
  invocation: Invocation,
  handle: InvocationHandle,
  ageMs: number,
): Promise<Answer | null> {
  const { definitions } = invocation;
  const onceOnly = !mayRunTwice(definitions);
  // What waits for its turn may not be sent before its record says so.
  let settle: (run: OnlineRun | null) => void = () => undefined;
  const run = new Promise<OnlineRun | null>((resolve) => (settle = resolve));
  const note = (): Promise<boolean> => run.then((found) => found === null || found.noteSending(handle.sent()));
  const isSent = onceOnly && handle.guard(note) === "sent";
  const job = {
    ...newJob(request, invocation, handle.id),
    createdAtMs: deps.redisNowMs() - ageMs,
    ...(isSent ? { sending: handle.sent() } : {}),
  };
  try {
    const begun = await deps.onlineJobs.begin(job, "now", { definitions, whenNotStarted: "put_back", handle });
    settle(begun.kind === "running" ? begun.run : null);
    if (begun.kind === "running") return acceptedJob(deps, request, toJob(begun.run.lease.record));
    handle.abort(); // Nobody's yet; whoever draws it finds out what became of what was sent.
    return begun.kind === "waiting" ? acceptedJob(deps, request, begun.job) : null;
  } catch (error) {
    settle(null);
    if (classifyRedisError(error) === null) throw error;
    return null;
  }
}

function newJob(request: ApiRequest, invocation: Invocation, id: string): NewOnlineJob {
  const { task, definitions, input, deadlineMs, traceparent } = invocation;
  return {
    id,
    task: task.name,
    definition: (definitions[0] ?? task).definition,
    idempotent: mayRunTwice(definitions),
    input,
    deadlineMs,
    runAtMs: null,
    labels: {},
    traceparent,
    idempotency: null,
    by: request.by,
  };
}

/** This process runs it. */
async function own(deps: ApiDeps, request: ApiRequest, run: OnlineRun, wait: Wait): Promise<Answer> {
  const { id, lease } = run;
  const told = wait.whenOver === "in_progress" ? wait.waitMs + COMMIT_WITHIN_MS : wait.waitMs;
  const end = await within(deps, run.ended, told);
  if (end === null) {
    if (wait.whenOver === "in_progress") return unknown(deps, request, id); // K2
    const job = wait.waitMs === 0 ? toJob(lease.record) : ((await deps.reader.get(id)) ?? toJob(lease.record));
    return acceptedJob(deps, request, job, wait.headers);
  }
  const task = lease.record["task"] ?? "";
  switch (end.kind) {
    case "committed":
      return answerOutcome(task, end.outcome, jobMembers(deps, request, id), wait.headers);
    case "forgotten":
      return answerOutcome(task, end.outcome, {}, wait.headers);
    case "elsewhere":
      return (await attach(deps, request, id, wait)) ?? unknown(deps, request, id);
  }
}

/** Waits for a job that is seen to elsewhere. Null when its record is gone. @throws RedisFault */
async function attach(deps: ApiDeps, request: ApiRequest, id: string, wait: Wait): Promise<Answer | null> {
  const { waitMs, whenOver, headers } = wait;
  const first = await deps.reader.get(id);
  if (first === null) return null;
  if (!isFinalState(first.state) && waitMs > 0) {
    await deps.waiter.wait(first, waitMs, request.gone, ({ state }) => isFinalState(state));
  }
  const record = await deps.reader.raw(id);
  if (record === null) return null;
  const job = toJob(record);
  if (isFinalState(job.state)) return answerRecord(deps, request, record, headers);
  if (whenOver === "accepted") return acceptedJob(deps, request, job, headers);
  const detail = "the first request with this key has not been answered yet";
  return refuse("idempotency_in_progress", detail, jobMembers(deps, request, id), headers);
}

function unknown(deps: ApiDeps, request: ApiRequest, id: string): Answer {
  return refuse("outcome_unknown", "Redis went away before it was committed", jobMembers(deps, request, id));
}

/** What `promise` comes to, or null when `waitMs` are over first. */
async function within<T>(deps: ApiDeps, promise: Promise<T>, waitMs: number): Promise<T | null> {
  const over = new AbortController();
  try {
    return await Promise.race([promise, deps.clock.sleep(waitMs, over.signal).then(() => null)]);
  } finally {
    over.abort();
  }
}
