/** Queues of batch work as clients see them: one per pool, task and checkpoint version. */
import { z } from "zod";
import { durationMs, listOf, name } from "./json.ts";

export const queueSchema = z.object({
  name: z.string(),
  pool: name,
  task: name,
  checkpointVersion: z.int(),
  queued: z.int().describe("Jobs that are ready and wait for a slot"),
  oldestAgeMs: durationMs.nullable().describe("How long the first of them has waited; null when there is none"),
});
export type Queue = z.infer<typeof queueSchema>;
export const queueListSchema = listOf(queueSchema);
