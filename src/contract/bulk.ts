/** POST /v1/jobs/bulk: an answer per item, in the items' order. */
import { z } from "zod";
import { jobId } from "./json.ts";
import { problemSchema } from "./problem.ts";

export const bulkAnswerSchema = z
  .object({
    index: z.int().min(0).describe("Place of the item in the request, from 0"),
    status: z.int().describe("What POST /v1/jobs would have answered: 202, or that of the problem"),
    id: jobId.nullable().describe("The job; null when none was made"),
    replayed: z.boolean().describe("The job was there already, made with the same Idempotency-Key"),
    problem: problemSchema.nullable(),
  })
  .describe("What became of one item");
export type BulkAnswer = z.infer<typeof bulkAnswerSchema>;

export const bulkAnswersSchema = z.object({ items: z.array(bulkAnswerSchema) });
