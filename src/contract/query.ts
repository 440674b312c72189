/** Query parameters. They come as text: once, or more often where that is allowed. */
import { z } from "zod";
import { DEFAULT_LIMITS } from "../domain/limits.ts";
import { jobStateSchema } from "./job.ts";
import { jobId, name } from "./json.ts";

/** A parameter that may come more than once. */
const repeatable = <T extends z.ZodType>(item: T) => z.preprocess(toList, z.array(item).max(100));

function toList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values;
}

/** A whole number in decimal digits: `Number` would take "", " 7 " and "0x7" too. */
const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.int().min(min).max(max));

const flag = z
  .enum(["", "true", "1", "false", "0"], "must be true or false")
  .transform((value) => value !== "false" && value !== "0")
  .pipe(z.boolean());

const page = {
  cursor: z.string().max(1_000).optional().describe("`nextCursor` of the page before, with the same filters"),
  limit: whole(1, DEFAULT_LIMITS.pageMax)
    .optional()
    .describe(`Items on a page; ${DEFAULT_LIMITS.pageDefault} if absent`),
};

export const pageQuerySchema = z.strictObject(page);
export type PageQuery = z.output<typeof pageQuerySchema>;

export const jobListQuerySchema = z.strictObject({
  state: repeatable(jobStateSchema).describe("Any of these states"),
  task: name.optional().describe("Of this task"),
  class: z.enum(["online", "batch"]).optional().describe("Of this class"),
  label: repeatable(z.string().regex(/^[^:,]{1,63}:[^,]{1,128}$/, "must be name:value")).describe(
    "With all of these labels, each `name:value`",
  ),
  worker: z.string().max(63).optional().describe("Last seen on this worker"),
  caller: z
    .string()
    .regex(/^[A-Za-z0-9._@:/%-]{1,100}$/, "must be a caller as it stands on a job, like alice or address:10.0.0.7")
    .optional()
    .describe("Submitted by this caller: what its `Cairn-Caller` said, or `address:` and its address"),
  array: jobId.optional().describe("Elements of this array"),
  ...page,
});
export type JobListQuery = z.output<typeof jobListQuerySchema>;

export const waitQuerySchema = z.strictObject({
  wait: whole(0, 3_600)
    .optional()
    .describe("Answer when what was asked for has come about, or after so many seconds, at most 25"),
});

export const logQuerySchema = z.strictObject({
  attempt: whole(1, 999_999_999).optional().describe("Of this attempt; if absent, of the latest"),
  offset: whole(0, 999_999_999).optional().describe("From this byte of the attempt's log on"),
  follow: flag.optional().describe("Stay and send what is added, over further attempts, until the job's end"),
});

export const eventQuerySchema = z.strictObject({
  follow: flag.optional().describe("false: end after the events that have been, instead of waiting for more"),
  after: z
    .string()
    .regex(/^\d{1,15}$/, "must be the id of an event")
    .optional()
    .describe("Go on after this event, as `Last-Event-ID` does"),
});
export type EventQuery = z.output<typeof eventQuerySchema>;
