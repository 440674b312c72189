/** GET /v1/limits: what callers meet, with the meaning of each number. */
import { z } from "zod";
import type { Limits } from "../domain/limits.ts";

const bytes = (meaning: string): z.ZodInt => z.int().describe(`${meaning}, bytes`);
const ms = (meaning: string): z.ZodInt => z.int().describe(`${meaning}, ms`);
const count = (meaning: string): z.ZodInt => z.int().describe(meaning);

export const limitsSchema = z.object({
  inlineBytes: bytes("Input or output of one job kept inline"),
  bodyBytes: bytes("Body of one request"),
  bulkBytes: bytes("Body of one bulk submission"),
  bulkItems: count("Jobs in one bulk submission"),
  maxDeadlineMs: ms("Longest deadline of an online request"),
  maxAsyncDeadlineMs: ms("Longest deadline of an online job that is asked for asynchronously"),
  maxWaitMs: ms("Longest `Prefer: wait`"),
  pageDefault: count("Items on a page when `limit` is not given"),
  pageMax: count("Most items on a page"),
  idempotencyKeyTtlMs: ms("How long an Idempotency-Key is remembered"),
  finalRecordTtlMs: ms("How long the record of a final job is kept"),
  finalRecordCount: count("How many records of final jobs are kept"),
  onlineRecordCount: count("How many records of final online jobs are kept"),
  failureRecordCount: count("How many records of failed online requests without a key are kept"),
  finalCheckpointTtlMs: ms("How long the checkpoints of a final job are kept"),
  logBytesPerAttempt: bytes("Log of one attempt; head and tail are kept"),
  eventsPerJob: count("Events of one job, the newest kept"),
  labelsPerJob: count("Labels of one job"),
  arrayElements: count("Elements of one array"),
  dependenciesPerJob: count("Jobs and arrays that one job waits for"),
} satisfies Record<keyof Limits, z.ZodInt>);
