/** Jobs, attempts and checkpoints as clients see them. */
import { z } from "zod";
import { FINAL_STATES, JOB_STATES, type JobState } from "../domain/job-state.ts";
import { INTERVAL_REASONS, type IntervalReason } from "../domain/checkpoint-interval.ts";
import { JOB_REASONS, type JobReason } from "../domain/job-reason.ts";
import { DEFAULT_LIMITS } from "../domain/limits.ts";
import { anyJson, durationMs, jobId, type Json, labels, listOf, name, timestamp } from "./json.ts";
import { problemSchema } from "./problem.ts";

export const jobStateSchema = z.enum(Object.keys(JOB_STATES) as [JobState, ...JobState[]]);
export const jobReasonSchema = z.enum(Object.keys(JOB_REASONS) as [JobReason, ...JobReason[]]);

export const progressSchema = z.object({
  completed: z.number(),
  total: z.number().nullable(),
  unit: z.string(),
  fraction: z.number().nullable(),
  ratePerSecond: z.number().nullable(),
  etaMs: z.number().nullable(),
});

export const goodputSchema = z
  .object({
    usefulMs: z.number(),
    checkpointMs: z.number(),
    restoreMs: z.number(),
    redoneMs: z.number(),
    detectMs: z.number(),
    queuedMs: z.number(),
    heldMs: z.number().describe("Not to run yet: before its time, stopped by a person, waiting for other jobs"),
    fraction: z.number().nullable().describe("Useful, of all but `heldMs`"),
  })
  .describe("Where the time since submission went, ms; the parts add up to the whole");
export type Goodput = z.infer<typeof goodputSchema>;

export const attemptGoodputSchema = goodputSchema
  .omit({ queuedMs: true, heldMs: true })
  .describe("Where the time of the attempt went, ms; the parts add up to the whole");
export type AttemptGoodput = z.infer<typeof attemptGoodputSchema>;

export const checkpointIntervalSchema = z.object({
  ms: durationMs.describe("Work between two checkpoints"),
  costMs: durationMs.nullable().describe("What a checkpoint holds the program up, averaged; null: none was taken yet"),
  mtbfMs: durationMs.describe(
    "Mean time between losses of a worker, as the fleet has counted; of workers in its zone, if they name one",
  ),
  why: z.enum(Object.keys(INTERVAL_REASONS) as [IntervalReason, ...IntervalReason[]]),
});

export const ON_FAILURE = ["cancel", "run"] as const;

export const dependencySchema = z
  .object({
    job: jobId.describe("A job, or an array as a whole"),
    onFailure: z
      .enum(ON_FAILURE)
      .describe(
        "When it fails, is cancelled or expires: `cancel` the job that waits for it, with reason `dependency_failed`; or `run` that all the same",
      ),
  })
  .describe("One job that another waits for");
export type Dependency = z.infer<typeof dependencySchema>;

/** GET /v1/jobs/{id}/dependencies */
export const dependencyStandingSchema = dependencySchema.extend({
  status: z
    .enum(["waiting", "satisfied", "failed"])
    .describe("`waiting`: has not ended; `satisfied`: the job may run; `failed`: it may not"),
});
export type DependencyStanding = z.infer<typeof dependencyStandingSchema>;
export const dependencyListSchema = z.object({ items: z.array(dependencyStandingSchema), nextCursor: z.null() });

export const jobSchema = z.object({
  id: jobId,
  task: name,
  class: z.enum(["online", "batch"]),
  state: jobStateSchema,
  reason: jobReasonSchema.nullable(),
  reasonText: z.string().nullable().describe("The reason in words"),
  input: anyJson.describe("As it was submitted"),
  output: anyJson.describe("What the task returned; null until `succeeded`"),
  error: problemSchema.nullable(),
  progress: progressSchema.nullable(),
  checkpoint: z
    .object({ seq: z.int(), at: timestamp, bytes: z.int(), progress: z.number().nullable() })
    .nullable()
    .describe("The latest committed checkpoint"),
  checkpointInterval: checkpointIntervalSchema
    .nullable()
    .describe("How often it makes a checkpoint, and what that was chosen from; null before its first attempt"),
  checkpointTrouble: z
    .object({
      dropped: z.int().describe("Those that could not be taken or stored"),
      setAside: z.int().describe("Those that could not be read back whole"),
      last: z.object({
        at: timestamp,
        why: z.string(),
        text: z.string().describe("Why, in words"),
        detail: z.string(),
      }),
    })
    .nullable()
    .describe("Checkpoints that are not there and should be; null: none"),
  worker: z.string().nullable(),
  zone: z.string().nullable(),
  attempts: z.int().describe("How many attempts were started"),
  retries: z.int().describe("How many of them failed by the task's own fault"),
  staleWritesRefused: z.int().describe("Writes of attempts that no longer held the lease, all refused"),
  createdAt: timestamp,
  startedAt: timestamp.nullable(),
  finishedAt: timestamp.nullable(),
  runAt: timestamp.nullable(),
  deadlineAt: timestamp.nullable(),
  timeoutMs: durationMs.nullable(),
  maxRetries: z.int(),
  priority: z.int().min(-10).max(10),
  pool: name,
  labels,
  array: z
    .object({ id: jobId, index: z.int(), count: z.int() })
    .nullable()
    .describe("The array it is an element of, and which one, from 0"),
  forkOf: jobId.nullable().describe("The job from whose checkpoint it began"),
  caller: z.string().nullable().describe("Whose share of the fleet it counts on"),
  dependsOn: z.array(dependencySchema).describe("Jobs and arrays it waits for, or waited for"),
  goodput: goodputSchema.nullable(),
});
export type Job = z.infer<typeof jobSchema>;

/** Why an online attempt was made. */
export const attemptReasonSchema = z.enum(["first", "retry", "hedge", "repeat", "probe"]);
export const ATTEMPT_REASONS =
  "a retry after an error, a hedge beside a slow one, a repeat after a loss or a hand-back, a probe of a parked replica";

export const attemptSchema = z.object({
  number: z.int(),
  fence: z.string(),
  worker: z.string().nullable().describe("Null: no worker said that it took it"),
  zone: z.string().nullable(),
  startedAt: timestamp.describe("Of an online attempt: when it was sent"),
  endedAt: timestamp.nullable(),
  fromCheckpoint: z.int().nullable(),
  lastCheckpoint: z.int().nullable(),
  outcome: z.enum(["running", "succeeded", "failed", "interrupted", "lost"]),
  reason: z.string().nullable(),
  why: attemptReasonSchema.nullable().describe(`Online: ${ATTEMPT_REASONS}`),
  replica: z.string().nullable().describe("Online: the process that took it"),
  queueMs: z.number().nullable().describe("Online: how long it waited for a replica"),
  runMs: z.number().nullable().describe("Online: how long the task ran"),
  goodput: attemptGoodputSchema.nullable().describe("null as long as it runs"),
});
export type Attempt = z.infer<typeof attemptSchema>;

export const checkpointSchema = z.object({
  seq: z.int(),
  at: timestamp,
  bytes: z.int(),
  progress: z.number().nullable(),
  fence: z.string(),
  attempt: z.int(),
  parent: z.int().nullable(),
  state: z.enum(["committed", "set_aside"]),
  manifest: z.string().describe("Name of the manifest in the store"),
});
export type Checkpoint = z.infer<typeof checkpointSchema>;

export const artifactSchema = z.object({
  name: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  at: timestamp,
  attempt: z.int(),
});
export type Artifact = z.infer<typeof artifactSchema>;

export const jobEventSchema = z.object({
  id: z.string(),
  job: z.string(),
  at: timestamp,
  type: z.string(),
  state: jobStateSchema,
  reason: jobReasonSchema.nullable(),
  data: z.record(z.string(), anyJson).describe("What this type of event tells besides"),
});
export type JobEventView = z.infer<typeof jobEventSchema>;

/**
 * What a job waits for: an id alone, or with what its failure means.
 * @param reference how a job is named
 */
const waitsFor = (reference: z.ZodType<string, string>) =>
  z
    .array(
      z.union([
        reference.transform((job) => ({ job, onFailure: "cancel" as const })),
        z.strictObject({ job: reference, onFailure: z.enum(ON_FAILURE).default("cancel") }),
      ]),
    )
    .max(DEFAULT_LIMITS.dependenciesPerJob)
    .refine((list) => new Set(list.map(({ job }) => job)).size === list.length, "names the same job twice")
    .describe("Jobs and arrays that have to end first, by id, or as `{job, onFailure}`; see Job");

/** The id or local key in an entry of `dependsOn` that was not checked yet; empty when it has none. */
export function dependencyReference(entry: Json): string {
  if (typeof entry === "string") return entry;
  const job = typeof entry === "object" && entry !== null && !Array.isArray(entry) ? entry["job"] : null;
  return typeof job === "string" ? job : "";
}

/** Body of POST /v1/jobs. */
export const submitSchema = z.strictObject({
  task: name,
  input: anyJson.describe("Must fit the task's schema, see GET /v1/tasks/{task}"),
  priority: z.int().min(-10).max(10).default(0),
  pool: name.default("default"),
  labels: labels.default({}),
  runAt: z.iso.datetime({ offset: true }).optional(),
  dependsOn: waitsFor(jobId).default([]),
  maxRetries: z.int().min(0).max(1_000).optional(),
  timeoutMs: z.int().min(1).optional().describe("Longest time for one attempt"),
  deadlineMs: z.int().min(1).optional().describe("Longest time for the whole job, from submission"),
  checkpoint: z
    .strictObject({
      intervalMs: z.union([z.literal("auto"), z.int().min(100)]).optional(),
      keep: z.int().min(2).max(100).optional(),
    })
    .optional(),
  webhook: z.url().optional(),
});
/** Name of an item within its bulk: other items wait for it by this. Begins with a letter, so it is no id. */
const localKey = name.describe("Name within this bulk, for `dependsOn` of other items");

/** An item of POST /v1/jobs/bulk. */
export const bulkItemSchema = submitSchema.extend({
  key: localKey.optional(),
  dependsOn: waitsFor(z.union([jobId, localKey])).default([]),
});
export type BulkItem = z.output<typeof bulkItemSchema>;

export type SubmitRequest = z.input<typeof submitSchema>;
export type Submit = z.output<typeof submitSchema>;

/** Body of PATCH /v1/jobs/{id}. */
export const patchJobSchema = z.strictObject({
  priority: z.int().min(-10).max(10).optional(),
  labels: labels.optional(),
});
export type PatchJob = z.infer<typeof patchJobSchema>;

/** Body of POST /v1/jobs/{id}/retry. */
export const retrySchema = z.strictObject({
  from: z
    .union([z.literal("start"), z.literal("last"), z.int().min(1)])
    .default("last")
    .describe("From the start, the last checkpoint, or a kept checkpoint by number"),
});

/** Body of POST /v1/jobs/{id}/fork. */
export const forkSchema = z.strictObject({
  from: z
    .union([z.literal("start"), z.literal("last"), z.int().min(1)])
    .default("last")
    .describe("The last checkpoint, a kept one by number, or none"),
  input: anyJson.optional().describe("Another input; the task's `load` gets it with the files, and may refuse it"),
  labels: labels.optional(),
  priority: z.int().min(-10).max(10).optional(),
});
export type Fork = z.output<typeof forkSchema>;

export const jobListSchema = listOf(jobSchema);
export const attemptListSchema = listOf(attemptSchema);
export const checkpointListSchema = listOf(checkpointSchema);
export const artifactListSchema = listOf(artifactSchema);

/** Is this a state that no worker will change any more? */
export function isFinalState(state: JobState): boolean {
  return (FINAL_STATES as readonly JobState[]).includes(state);
}
