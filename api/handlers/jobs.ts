/** Jobs: submit, look at, list, change, delete. */
import { deleteFilesOf } from "../../src/batch/batch.ts";
import { isFinalState, type Job, type PatchJob } from "../../src/contract/job.ts";
import type { JobListQuery } from "../../src/contract/query.ts";
import { problem } from "../../src/contract/problem.ts";
import { empty, json, refuse, refuseWith, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { fingerprintOf, readIdempotencyKey } from "../idempotency-key.ts";
import { acceptedJob, presentJob } from "../job-answer.ts";
import { preferenceHeaders, readPrefer } from "../prefer.ts";
import type { Checked } from "../route.ts";
import { submitOne } from "../submission.ts";
import type { AcceptedSubmission } from "../submit-shape.ts";
import { submitArray } from "./arrays.ts";

export function unknownJob(id: string): Answer {
  return refuse("unknown_job", `there is no job ${id}`);
}

/** POST /v1/jobs */
export async function submitJob(deps: ApiDeps, checked: Checked<undefined, AcceptedSubmission>): Promise<Answer> {
  const { request, sent } = checked;
  const { array, input = null, ...rest } = checked.body;
  const body = { ...rest, input };
  const read = readIdempotencyKey(request.header("idempotency-key"));
  if (read.kind === "bad") return refuse("invalid_idempotency_key", "the Idempotency-Key cannot be read");
  const idempotency =
    read.key === null ? null : { key: read.key, fingerprint: fingerprintOf("POST", request.path, sent) };
  const preferences = readPrefer(request.header("prefer"), deps.limits.maxWaitMs);
  if (array !== undefined) return submitArray(deps, request, body, array, idempotency);
  const submission = await submitOne(deps, body, idempotency, request);
  if (submission.kind === "refused") return refuseWith(submission.problem);
  let { job } = submission;
  if (preferences.waitMs !== null) job = await untilFinal(deps, job, preferences.waitMs, request.gone);
  return acceptedJob(deps, request, job, {
    ...preferenceHeaders(preferences),
    ...(submission.replayed ? { "Idempotency-Replayed": "true" } : {}),
  });
}

/** GET /v1/jobs/{id} */
export async function getJob(deps: ApiDeps, checked: Checked<undefined, undefined>): Promise<Answer> {
  const { request } = checked;
  const id = checked.params["id"] ?? "";
  const preferences = readPrefer(request.header("prefer"), deps.limits.maxWaitMs);
  let job = await deps.reader.get(id);
  if (job === null) return unknownJob(id);
  if (preferences.waitMs !== null && !isFinalState(job.state)) {
    job = await untilFinal(deps, job, preferences.waitMs, request.gone);
  }
  return presentJob(request, job, preferenceHeaders(preferences));
}

/** GET /v1/jobs */
export async function listJobs(deps: ApiDeps, checked: Checked<JobListQuery, undefined>): Promise<Answer> {
  const { state, task, class: jobClass, label, worker, caller, array, cursor, limit } = checked.query;
  const page = await deps.reader.list(
    {
      states: [...new Set(state)],
      labels: label.map((text) => [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)] as const),
      ...(task === undefined ? {} : { task }),
      ...(jobClass === undefined ? {} : { class: jobClass }),
      ...(worker === undefined ? {} : { worker }),
      ...(caller === undefined ? {} : { caller }),
      ...(array === undefined ? {} : { array }),
    },
    { cursor: cursor ?? null, limit: limit ?? deps.limits.pageDefault },
  );
  if (page.kind === "bad_cursor") {
    return refuse("invalid_cursor", `${JSON.stringify((cursor ?? "").slice(0, 100))} is no cursor`);
  }
  return json(200, { items: page.items, nextCursor: page.nextCursor });
}

/** PATCH /v1/jobs/{id} */
export async function patchJob(deps: ApiDeps, checked: Checked<undefined, PatchJob>): Promise<Answer> {
  const id = checked.params["id"] ?? "";
  const { priority, labels } = checked.body;
  if (priority === undefined && labels === undefined) {
    return refuse("invalid_request", "nothing is to be changed: give priority or labels");
  }
  if (Object.keys(labels ?? {}).length > deps.limits.labelsPerJob) {
    const errors = [{ pointer: "/labels", detail: `has more than ${deps.limits.labelsPerJob} labels` }];
    return refuseWith(problem("invalid_request", "too many labels", { errors }));
  }
  const outcome = await deps.writer.patch(id, checked.body, { by: checked.request.by });
  return outcome.kind === "not_found" ? unknownJob(id) : json(200, outcome.job);
}

/** DELETE /v1/jobs/{id} */
export async function deleteJob(deps: ApiDeps, checked: Checked<undefined, undefined>): Promise<Answer> {
  const id = checked.params["id"] ?? "";
  const outcome = await deps.writer.remove(id);
  switch (outcome.kind) {
    case "not_found":
      return unknownJob(id);
    case "forked":
      return refuse("forked", `a fork of job ${id} stands on one of its checkpoints`);
    case "needed":
      return refuse("needed", `job ${outcome.by} has not ended, and has job ${id} in its input or its dependsOn`);
    case "not_final":
      return refuse("not_final", `job ${id} has not come to its end`);
    case "ok":
      // The record is gone and with it every way to the files; what cannot be deleted now is deleted later.
      await deleteFilesOf(deps.store, id).catch((error: unknown) => {
        deps.logger.warn({ err: error, jobId: id }, "files of a deleted job remain in the store for now");
      });
      return empty(204);
  }
}

async function untilFinal(deps: ApiDeps, job: Job, waitMs: number, gone: AbortSignal): Promise<Job> {
  return deps.waiter.wait(job, waitMs, gone, ({ state }) => isFinalState(state));
}
