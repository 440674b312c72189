/** One submission from a checked body to a job: the same for POST /v1/jobs and each item of a bulk. */
import type { Job, Submit } from "../src/contract/job.ts";
import { problem, type Problem } from "../src/contract/problem.ts";
import type { TaskInfo } from "../src/contract/worker.ts";
import type { ApiDeps } from "./deps.ts";
import type { IdempotencyKey } from "./idempotency-key.ts";
import { sentence } from "./request-check.ts";

export type Submission =
  | { readonly kind: "job"; readonly job: Job; readonly replayed: boolean }
  | { readonly kind: "refused"; readonly problem: Problem };

/** What would be submitted, checked in full. */
export type Prepared =
  | { readonly kind: "ready"; readonly submit: Submit; readonly task: TaskInfo; readonly inputText: string }
  | { readonly kind: "refused"; readonly problem: Problem };

/** @throws RedisFault */
export async function submitOne(
  deps: ApiDeps,
  submit: Submit,
  idempotency: IdempotencyKey | null,
  by: string,
): Promise<Submission> {
  const prepared = await prepare(deps, submit);
  return prepared.kind === "refused" ? prepared : submitPrepared(deps, prepared, idempotency, by);
}

/** Checks all that can be told without creating the job. @throws RedisFault */
export async function prepare(deps: ApiDeps, submit: Submit): Promise<Prepared> {
  const definitions = deps.lookup.known(submit.task) ?? (await deps.lookup.find(submit.task));
  const [newest] = definitions;
  if (newest === undefined) return refused(problem("unknown_task", `no worker has registered a task ${submit.task}`));
  if (newest.class !== "batch") {
    const detail = `${submit.task} is an online task; call POST /v1/tasks/${submit.task}/invoke`;
    return refused(problem("wrong_class", detail));
  }
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
  const [task] = deps.schemas.accepting(definitions, submit.input);
  if (task === undefined) {
    const errors = deps.schemas.explain(newest, submit.input, "/input", bytes);
    return refused(problem("invalid_input", sentence(errors), { errors }));
  }
  return { kind: "ready", submit, task, inputText };
}

/** @throws RedisFault */
export async function submitPrepared(
  deps: ApiDeps,
  { submit, task, inputText }: Extract<Prepared, { kind: "ready" }>,
  idempotency: IdempotencyKey | null,
  by: string,
): Promise<Submission> {
  const outcome = await deps.writer.submit({ task, submit, inputText, idempotency, by });
  switch (outcome.kind) {
    case "created":
      return { kind: "job", job: outcome.job, replayed: false };
    case "replayed":
      return { kind: "job", job: outcome.job, replayed: true };
    case "key_reused":
      return refused(
        problem("idempotency_key_reused", "the first request with this key was another one", { job: outcome.id }),
      );
    case "unknown_dependency": {
      const detail = `there is no job or array ${submit.dependsOn[outcome.index]?.job ?? ""}`;
      const errors = [{ pointer: `/dependsOn/${outcome.index}`, detail }];
      return refused(problem("unknown_dependency", detail, { errors }));
    }
  }
}

function refused(found: Problem): { readonly kind: "refused"; readonly problem: Problem } {
  return { kind: "refused", problem: found };
}
