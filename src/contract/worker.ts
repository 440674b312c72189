/** Workers and tasks as clients see them. */
import { z } from "zod";
import { anyJson, listOf, name, timestamp } from "./json.ts";

export const WORKER_STATES = {
  starting: "came up, serves nothing yet",
  ready: "takes work of both classes",
  cordoned: "keeps what it has, takes nothing new",
  draining: "finishes or hands over what it has, then leaves",
  drained: "holds nothing any more",
  quarantined: "set aside because of faults",
  lost: "its beats stopped",
  stopped: "left in order",
} as const;
export type WorkerState = keyof typeof WORKER_STATES;

export const workerSchema = z.object({
  id: z.string(),
  state: z.enum(Object.keys(WORKER_STATES) as [WorkerState, ...WorkerState[]]),
  reason: z.string().nullable(),
  host: z.string(),
  version: z.string(),
  zone: z.string().nullable(),
  region: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  pools: z.array(z.string()).describe("Pools that it serves"),
  tasks: z.array(z.string()),
  pids: z.object({
    agent: z.int(),
    replicas: z.array(z.int()),
    keepers: z.array(z.int()),
    runners: z.array(z.int()),
  }),
  slots: z.object({
    online: z.object({ total: z.int(), used: z.int() }),
    batch: z.object({ total: z.int(), used: z.int() }),
  }),
  replicas: z
    .array(
      z.object({
        id: z.string(),
        pid: z.int(),
        state: z.enum(["ready", "draining", "suspect", "unfit"]),
        reason: z.string().nullable(),
        lagMs: z.number().describe("How long its event loop has not turned"),
        parked: z.array(z.string()).describe("Tasks whose first attempts it leaves to others, by order"),
      }),
    )
    .describe("Replicas that beat, as the API process that answers sees them"),
  replaced: z.record(z.string(), z.int()).describe("Replicas replaced since the agent started: ended, unfit, stuck"),
  load: z.number(),
  loopLagMs: z.number(),
  beatAgeMs: z.number(),
  startedAt: timestamp,
});
export type Worker = z.infer<typeof workerSchema>;
export const workerListSchema = listOf(workerSchema);

/** A JSON Schema (draft 2020-12), as published by a worker. */
export const jsonSchema = z.record(z.string(), anyJson);

export const taskSchema = z.object({
  name,
  class: z.enum(["online", "batch"]),
  description: z.string(),
  /** Hash of what the definition promises; two live ones mean two versions side by side. */
  definition: z.string(),
  input: jsonSchema,
  output: jsonSchema.nullable(),
  idempotent: z.boolean().nullable().describe("Online only"),
  deadlineMs: z.int().nullable().describe("Online only"),
  concurrency: z.int().nullable().describe("Online only"),
  checkpointVersion: z.int().nullable().describe("Batch only"),
  effects: z
    .enum(["none", "outside"])
    .nullable()
    .describe("Batch only: `outside` is frozen while its worker is out of touch; `none` computes on"),
  maxRetries: z.int().nullable().describe("Batch only"),
  keep: z.int().nullable().describe("Batch only: checkpoints kept"),
  interval: z
    .object({ everyMs: z.union([z.literal("auto"), z.number()]), minMs: z.number(), maxMs: z.number() })
    .nullable()
    .describe("Batch only: time between checkpoints; null for a program that is never asked for one"),
  backoff: z
    .object({ initialMs: z.number(), factor: z.number(), maxMs: z.number(), jitter: z.number() })
    .nullable()
    .describe("Batch only: pause before a retry"),
});
export type TaskInfo = z.infer<typeof taskSchema>;

export const taskViewSchema = taskSchema.extend({ workers: z.array(z.string()).describe("Live workers that have it") });
export type TaskView = z.infer<typeof taskViewSchema>;
export const taskListSchema = listOf(taskViewSchema);
