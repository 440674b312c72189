/** Arrays: many jobs of one submission, each with an input of its own. */
import { z } from "zod";
import { JOB_STATES, type JobState } from "../domain/job-state.ts";
import { DEFAULT_LIMITS } from "../domain/limits.ts";
import { dependencySchema, goodputSchema, progressSchema } from "./job.ts";
import { anyJson, jobId, labels, listOf, name, timestamp } from "./json.ts";

/** `array` of a submission. */
export const arraySpecSchema = z
  .union([
    z.strictObject({
      count: z
        .int()
        .min(1)
        .max(DEFAULT_LIMITS.arrayElements)
        .describe("How many elements; in `input` the text `{index}` stands for 0, 1, …: alone in a string, the number"),
    }),
    z.strictObject({
      inputs: z.array(anyJson).min(1).max(DEFAULT_LIMITS.arrayElements).describe("The input of each element"),
    }),
  ])
  .describe("Makes an array of jobs instead of one job");
export type ArraySpec = z.output<typeof arraySpecSchema>;

const stateCounts = Object.fromEntries(Object.keys(JOB_STATES).map((state) => [state, z.int()])) as Record<
  JobState,
  z.ZodInt
>;

export const arraySchema = z.object({
  id: jobId.describe("Ends in 000; the ids of its elements go on from there"),
  task: name,
  count: z.int(),
  created: z.int().describe("Elements that are made already; the rest follow by themselves"),
  state: z
    .enum(["active", "succeeded", "failed"])
    .describe("`succeeded`: all elements have; `failed`: all have ended, and not all well"),
  states: z.object(stateCounts).describe("How many elements are in each state"),
  progress: progressSchema.describe("In elements; those that run count by their own progress"),
  unsuccessful: z.array(z.int()).describe("Indexes of elements that failed, expired or were cancelled, the first 100"),
  goodput: goodputSchema.describe(
    "Where the time of all elements together went, ms: of attempts that have ended and waits that are over; the parts add up to the whole",
  ),
  attempts: z.int().describe("Attempts of all elements together"),
  losses: z.int().describe("Those of them that were lost with their worker or process"),
  input: anyJson.describe("The template; null when each element brought its own"),
  priority: z.int(),
  pool: name,
  labels,
  dependsOn: z.array(dependencySchema),
  createdAt: timestamp,
});
export type JobArray = z.infer<typeof arraySchema>;
export const arrayListSchema = listOf(arraySchema);

/** POST /v1/arrays/{id}/{verb} */
export const arrayOrderSchema = z.object({
  changed: z.int().describe("Elements that took the order"),
  array: arraySchema,
});
export type ArrayOrder = z.infer<typeof arrayOrderSchema>;
