/** Routes that submit, show, control and remove jobs. */
import { z } from "zod";
import { CONTROL_VERBS, type ControlVerb } from "../../src/batch/batch.ts";
import { arraySchema } from "../../src/contract/array.ts";
import { bulkAnswersSchema, bulkAnswerSchema } from "../../src/contract/bulk.ts";
import { forkSchema, jobListSchema, jobSchema, patchJobSchema, retrySchema } from "../../src/contract/job.ts";
import { jobListQuerySchema, waitQuerySchema } from "../../src/contract/query.ts";
import { submitBulk } from "../handlers/bulk.ts";
import { forkJob } from "../handlers/fork.ts";
import { controlJob } from "../handlers/job-control.ts";
import { deleteJob, getJob, listJobs, patchJob, submitJob } from "../handlers/jobs.ts";
import { defineRoute, type Route } from "../route.ts";
import { acceptedItemSchema, acceptedSubmissionSchema, NOT_YET } from "../submit-shape.ts";

const JSON_BODY = { mediaTypes: ["application/json"], limit: "bodyBytes", reading: "json" } as const;

const COUNT_JOB = { task: "count", input: { steps: 100, stepMs: 100 }, labels: { team: "oceans" } };

const submit = defineRoute(
  {
    method: "POST",
    path: "/v1/jobs",
    operationId: "submitJob",
    tag: "jobs",
    summary: "Submit a job",
    description:
      "Accepts a job of a batch task, or a request to an online task that nobody waits for. It runs on some worker that has the task; where to look is in `Location`. With `Prefer: wait=N` the answer comes when the job has ended, if that is within N seconds. A job with `dependsOn` is `blocked` until those jobs have ended well; when one does not, it is cancelled with reason `dependency_failed`, unless its entry says `onFailure: run`. With `array` it makes many jobs of one body, and answers with the array.",
    body: { ...JSON_BODY, schema: acceptedSubmissionSchema, required: true, example: COUNT_JOB, notYet: NOT_YET },
    requestHeaders: ["Idempotency-Key", "Prefer", "traceparent"],
    successes: [
      {
        status: 202,
        description: "The job, or with `array` the array, was accepted, or was before with the same Idempotency-Key",
        schema: z.union([jobSchema, arraySchema]),
        headers: ["Location", "Retry-After", "Preference-Applied", "Idempotency-Replayed"],
      },
      {
        status: 200,
        description: "The job has ended already: look at `state`",
        schema: jobSchema,
        headers: ["Location", "Preference-Applied", "Idempotency-Replayed"],
      },
    ],
    problems: [
      "invalid_input",
      "invalid_idempotency_key",
      "unknown_task",
      "idempotency_key_reused",
      "unknown_dependency",
      "redis_unavailable",
      "outcome_unknown",
    ],
  },
  submitJob,
);

const bulk = defineRoute(
  {
    method: "POST",
    path: "/v1/jobs/bulk",
    operationId: "submitJobs",
    tag: "jobs",
    summary: "Submit many jobs",
    description:
      "A JSON array of bodies of `POST /v1/jobs`, or one body a line as NDJSON. Each item is accepted or refused for itself, and gets its answer, in the items' order. An array that is not JSON is refused as a whole, before anything is created; of NDJSON only the broken line is. With an `Idempotency-Key` the items get keys of their own, `<key>/<index>`: sending the same again creates nothing twice. Items of an array may have a `key`, and others may wait for them by it in `dependsOn`: such a graph is checked as a whole before anything is created, and one fault refuses it all.",
    body: {
      mediaTypes: ["application/json", "application/x-ndjson", "application/jsonl"],
      limit: "bulkBytes",
      reading: "stream",
      required: true,
      schema: z.array(acceptedItemSchema),
      example: [
        { ...COUNT_JOB, key: "first" },
        { ...COUNT_JOB, dependsOn: ["first"] },
      ],
      notYet: NOT_YET,
    },
    requestHeaders: ["Idempotency-Key"],
    successes: [
      { status: 200, description: "An answer per item", schema: bulkAnswersSchema },
      {
        status: 200,
        description: "An answer per line, to NDJSON",
        schema: z.string(),
        carries: bulkAnswerSchema,
        mediaType: "application/x-ndjson",
      },
    ],
    problems: [
      "invalid_idempotency_key",
      "invalid_input",
      "unknown_task",
      "unknown_dependency",
      "dependency_cycle",
      "redis_unavailable",
    ],
  },
  submitBulk,
);

const list = defineRoute(
  {
    method: "GET",
    path: "/v1/jobs",
    operationId: "listJobs",
    tag: "jobs",
    summary: "List jobs, newest first",
    description:
      "Filters are indexed and can be combined. A page may be shorter than `limit`; only `nextCursor` null is the end.",
    query: jobListQuerySchema,
    successes: [{ status: 200, description: "A page of jobs", schema: jobListSchema }],
    problems: ["invalid_cursor", "redis_unavailable"],
  },
  listJobs,
);

const get = defineRoute(
  {
    method: "GET",
    path: "/v1/jobs/{id}",
    operationId: "getJob",
    tag: "jobs",
    summary: "Look at a job",
    description: "200 as long as the job exists, whatever became of it. With `Prefer: wait=N` when it has ended.",
    requestHeaders: ["Prefer", "If-None-Match"],
    successes: [
      {
        status: 200,
        description: "The job as it is now",
        schema: jobSchema,
        headers: ["ETag", "Retry-After", "Preference-Applied"],
      },
      { status: 304, description: "The job is as it was", headers: ["ETag"] },
    ],
    problems: ["unknown_job", "redis_unavailable"],
  },
  getJob,
);

const patch = defineRoute(
  {
    method: "PATCH",
    path: "/v1/jobs/{id}",
    operationId: "patchJob",
    tag: "jobs",
    summary: "Change priority or labels",
    description: "What is given takes the place of what was there; `labels` as a whole.",
    body: { ...JSON_BODY, schema: patchJobSchema, required: true, example: { priority: 5 } },
    successes: [{ status: 200, description: "The job, changed", schema: jobSchema }],
    problems: ["unknown_job", "redis_unavailable", "outcome_unknown"],
  },
  patchJob,
);

const remove = defineRoute(
  {
    method: "DELETE",
    path: "/v1/jobs/{id}",
    operationId: "deleteJob",
    tag: "jobs",
    summary: "Delete a final job",
    description: "With its attempts, checkpoints, artifacts, logs and events.",
    successes: [{ status: 204, description: "It is gone" }],
    problems: ["unknown_job", "not_final", "forked", "needed", "redis_unavailable", "outcome_unknown"],
  },
  deleteJob,
);

const VERBS: Readonly<Record<ControlVerb, { readonly summary: string; readonly description: string }>> = {
  checkpoint: {
    summary: "Ask a running job for a checkpoint",
    description: "The job goes on. Only a running job can make one.",
  },
  stop: {
    summary: "Park a job at a checkpoint",
    description: "A running job makes a checkpoint and gives its slot back; `resume` continues from there.",
  },
  resume: { summary: "Let a stopped job go on", description: "From its last checkpoint, on any worker." },
  cancel: { summary: "Give a job up", description: "A running job is ended without a checkpoint." },
  migrate: {
    summary: "Move a running job to another worker",
    description:
      "It makes a checkpoint, gives its slot back and is queued again, elsewhere if there is another worker.",
  },
  retry: {
    summary: "Run a final job again",
    description:
      "From its last checkpoint, from the start, or from a kept checkpoint by number. Jobs that were cancelled because this one did not succeed wait for it again.",
  },
};

const control = CONTROL_VERBS.map((verb): Route => {
  const doc = {
    method: "POST",
    path: `/v1/jobs/{id}/${verb}`,
    operationId: `${verb}Job`,
    tag: "jobs",
    ...VERBS[verb],
    query: waitQuerySchema,
    successes: [
      { status: 202, description: "It was ordered", schema: jobSchema, headers: ["Location"] },
      {
        status: 200,
        description: "It stands already, or has come about within `wait`",
        schema: jobSchema,
        headers: ["Location"],
      },
    ],
    problems: ["unknown_job", "illegal_transition", "redis_unavailable", "outcome_unknown"],
  } as const;
  if (verb !== "retry") {
    return defineRoute(
      { ...doc, body: { ...JSON_BODY, schema: z.strictObject({}), required: false } },
      controlJob(verb),
    );
  }
  return defineRoute(
    {
      ...doc,
      body: { ...JSON_BODY, schema: retrySchema, required: false, example: { from: "start" } },
      problems: [...doc.problems, "unknown_checkpoint", "dependency_failed"],
    },
    controlJob(verb, (body: z.output<typeof retrySchema>) => body.from),
  );
});

const fork = defineRoute(
  {
    method: "POST",
    path: "/v1/jobs/{id}/fork",
    operationId: "forkJob",
    tag: "jobs",
    summary: "Begin a new job at a checkpoint of this one",
    description:
      "With the same input or another one, from the last checkpoint or a kept one by number; the job itself goes on untouched. The task's `load` gets the files with the new input, and says if they do not go together.",
    body: { ...JSON_BODY, schema: forkSchema, required: false, example: { from: "last", labels: { variant: "b" } } },
    successes: [{ status: 202, description: "The new job", schema: jobSchema, headers: ["Location", "Retry-After"] }],
    problems: [
      "unknown_job",
      "unknown_checkpoint",
      "invalid_input",
      "wrong_class",
      "redis_unavailable",
      "outcome_unknown",
    ],
  },
  forkJob,
);

export const jobRoutes: readonly Route[] = [submit, list, bulk, get, patch, remove, ...control, fork];
