/** One submission from a checked body to a job: the same for POST /v1/jobs and each item of a bulk. */
import { toJob, type NewOnlineJob } from "../src/batch/batch.ts";
import type { Job, Submit } from "../src/contract/job.ts";
import { problem, type Problem } from "../src/contract/problem.ts";
import type { TaskInfo } from "../src/contract/worker.ts";
import type { ApiDeps } from "./deps.ts";
import type { IdempotencyKey } from "./idempotency-key.ts";
import { sentence } from "./request-check.ts";

export type Submission =
  | { readonly kind: "job"; readonly job: Job; readonly replayed: boolean }
  | { readonly kind: "refused"; readonly problem: Problem };

/** Who submits: a request, or what acts for somebody. */
export interface Submitter {
  readonly by: string;
  readonly caller: string;
  /** W3C, valid; null: none. */
  readonly traceparent: string | null;
}

/** What would be submitted, checked in full. */
export type Prepared =
  | {
      readonly kind: "ready";
      readonly submit: Submit;
      /** Definitions that take the input, newest first; never empty. */
      readonly definitions: readonly TaskInfo[];
      readonly task: TaskInfo;
      readonly inputText: string;
    }
  | { readonly kind: "refused"; readonly problem: Problem };

/** @throws RedisFault */
export async function submitOne(
  deps: ApiDeps,
  submit: Submit,
  idempotency: IdempotencyKey | null,
  from: Submitter,
): Promise<Submission> {
  const prepared = await prepare(deps, submit);
  return prepared.kind === "refused" ? prepared : submitPrepared(deps, prepared, idempotency, from);
}

/** Checks all that can be told without creating the job. @throws RedisFault */
export async function prepare(deps: ApiDeps, submit: Submit): Promise<Prepared> {
  const definitions = deps.lookup.known(submit.task) ?? (await deps.lookup.find(submit.task));
  const [newest] = definitions;
  if (newest === undefined) return refused(problem("unknown_task", `no worker has registered a task ${submit.task}`));
  const limit = newest.class === "online" ? onlineLimits(deps, submit) : null;
  if (limit !== null) return refused(limit);
  const labels = Object.keys(submit.labels).length;
  if (labels > deps.limits.labelsPerJob) {
    const errors = [
      { pointer: "/labels", detail: `has ${labels} labels; at most ${deps.limits.labelsPerJob} are taken` },
    ];
    return refused(problem("invalid_request", sentence(errors), { errors }));
  }
  const inputText = JSON.stringify(submit.input);
  const bytes = Buffer.byteLength(inputText);
  if (bytes > deps.limits.inlineBytes) {
    return refused(problem("payload_too_large", `the input is larger than ${deps.limits.inlineBytes} bytes`));
  }
  const fitting = deps.schemas.accepting(definitions, submit.input);
  const [task] = fitting;
  if (task === undefined) {
    const errors = deps.schemas.explain(newest, submit.input, "/input", bytes);
    return refused(problem("invalid_input", sentence(errors), { errors }));
  }
  return { kind: "ready", submit, definitions: fitting, task, inputText };
}

/** @throws RedisFault */
export async function submitPrepared(
  deps: ApiDeps,
  prepared: Extract<Prepared, { kind: "ready" }>,
  idempotency: IdempotencyKey | null,
  from: Submitter,
): Promise<Submission> {
  const { submit, task, inputText } = prepared;
  if (task.class === "online") return submitOnline(deps, prepared, idempotency, from);
  const { by, caller, traceparent } = from;
  const outcome = await deps.writer.submit({ task, submit, inputText, idempotency, by, caller, traceparent });
  switch (outcome.kind) {
    case "created":
      return { kind: "job", job: outcome.job, replayed: false };
    case "replayed":
      return { kind: "job", job: outcome.job, replayed: true };
    case "key_reused":
      return refused(
        problem("idempotency_key_reused", "the first request with this key was another one", { job: outcome.id }),
      );
    case "unknown_dependency":
      return refused(unknownDependency(submit, outcome.index));
  }
}

/** What has no meaning for an online task is refused by name. */
function onlineLimits(deps: ApiDeps, submit: Submit): Problem | null {
  const longestMs = deps.limits.maxAsyncDeadlineMs;
  const meaningless = { priority: submit.priority !== 0, pool: submit.pool !== "default" };
  const given = { timeoutMs: submit.timeoutMs, maxRetries: submit.maxRetries, checkpoint: submit.checkpoint };
  const errors = [
    ...Object.entries(meaningless).flatMap(([name, set]) => (set ? [name] : [])),
    ...Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name])),
  ].map((name) => ({ pointer: `/${name}`, detail: "means nothing for an online task" }));
  if (submit.dependsOn.length > 0) errors.push({ pointer: "/dependsOn", detail: "is for batch tasks so far" });
  if ((submit.deadlineMs ?? 0) > longestMs) {
    errors.push({ pointer: "/deadlineMs", detail: `is more than ${longestMs}, the longest of an online task` });
  }
  return errors.length === 0 ? null : problem("invalid_request", sentence(errors), { errors });
}

async function submitOnline(
  deps: ApiDeps,
  { submit, definitions, task, inputText }: Extract<Prepared, { kind: "ready" }>,
  idempotency: IdempotencyKey | null,
  { by, traceparent }: Submitter,
): Promise<Submission> {
  const job: NewOnlineJob = {
    id: deps.online.newId(),
    task: submit.task,
    definition: task.definition,
    idempotent: definitions.every(({ idempotent }) => idempotent === true),
    input: inputText,
    deadlineMs: submit.deadlineMs ?? task.deadlineMs ?? deps.limits.maxDeadlineMs,
    runAtMs: submit.runAt === undefined ? null : Date.parse(submit.runAt),
    labels: submit.labels,
    traceparent,
    idempotency: idempotency === null ? null : { ...idempotency, replacesFailed: false },
    by,
  };
  const begun = await deps.onlineJobs.begin(job, "in_turn", { definitions, whenNotStarted: "put_back" });
  switch (begun.kind) {
    case "running":
      return { kind: "job", job: toJob(begun.run.lease.record), replayed: false };
    case "waiting":
      return { kind: "job", job: begun.job, replayed: false };
    case "replayed": {
      const known = await deps.reader.require(begun.id);
      return { kind: "job", job: known, replayed: true };
    }
    case "key_reused":
      return refused(
        problem("idempotency_key_reused", "the first request with this key was another one", { job: begun.id }),
      );
  }
}

/** @param index of the entry in `dependsOn` */
export function unknownDependency(submit: Submit, index: number): Problem {
  const detail = `there is no job or array ${submit.dependsOn[index]?.job ?? ""}`;
  return problem("unknown_dependency", detail, { errors: [{ pointer: `/dependsOn/${index}`, detail }] });
}

function refused(found: Problem): { readonly kind: "refused"; readonly problem: Problem } {
  return { kind: "refused", problem: found };
}
