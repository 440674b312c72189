/** The slowest recent requests of an online task, and what was tried for each. */
import { z } from "zod";
import { ATTEMPT_REASONS, attemptReasonSchema } from "./job.ts";
import { timestamp } from "./json.ts";

export const attemptTraceSchema = z.object({
  number: z.int(),
  why: attemptReasonSchema.describe(`The first, ${ATTEMPT_REASONS}`),
  replica: z.string().nullable(),
  worker: z.string().nullable(),
  outcome: z.string().describe("`ok`, or what became of it instead"),
  queueMs: z.number().nullable().describe("How long it waited for a replica; null: it was not answered"),
  runMs: z.number().nullable().describe("How long the handler ran; null: it was not answered"),
  sentMs: z.number().describe("When it was sent, ms from the beginning of the request"),
  endedMs: z.number().nullable().describe("When it was over"),
});

export const slowRequestSchema = z.object({
  id: z.string().describe("The handler saw it as `ctx.job`"),
  at: timestamp.describe("When it was answered"),
  tookMs: z.number(),
  queueMs: z.number().describe("Time that the handler did not run"),
  runMs: z.number().describe("Time in the handler that gave the answer"),
  attempts: z.array(attemptTraceSchema),
});
export type SlowRequest = z.infer<typeof slowRequestSchema>;
export const slowListSchema = z.object({ items: z.array(slowRequestSchema), nextCursor: z.null() });
