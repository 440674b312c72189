/** Schedules: jobs that are submitted again and again, by cron. */
import { z } from "zod";
import { submitSchema } from "./job.ts";
import { jobId, name, timestamp } from "./json.ts";
import { problemSchema } from "./problem.ts";

export const OVERLAPS = {
  skip: "while its last job has not ended, a time is passed over",
  queue: "each time makes a job, whatever became of the last one",
} as const;

/** What a schedule submits. When it runs is the schedule's to say. */
export const scheduledJobSchema = submitSchema.omit({ runAt: true, dependsOn: true, webhook: true });

/** Body of PUT /v1/schedules/{schedule}. */
export const putScheduleSchema = z.strictObject({
  cron: z
    .string()
    .max(200)
    .describe(
      "Minute, hour, day of month, month, day of week; a sixth field in front is seconds; or @daily and the like",
    ),
  timeZone: z.string().max(64).default("UTC").describe("IANA name: Europe/Berlin"),
  overlap: z
    .enum(Object.keys(OVERLAPS) as [keyof typeof OVERLAPS, ...(keyof typeof OVERLAPS)[]])
    .default("skip")
    .describe(
      Object.entries(OVERLAPS)
        .map(([word, meaning]) => `\`${word}\`: ${meaning}`)
        .join("; "),
    ),
  job: scheduledJobSchema,
});
export type PutSchedule = z.output<typeof putScheduleSchema>;

export const scheduleSchema = z.object({
  name,
  cron: z.string(),
  timeZone: z.string(),
  overlap: z.enum(Object.keys(OVERLAPS) as [keyof typeof OVERLAPS, ...(keyof typeof OVERLAPS)[]]),
  job: scheduledJobSchema,
  next: z.array(timestamp).describe("The next times, up to five; empty when there is none"),
  last: z
    .object({
      at: timestamp.describe("The time that was due"),
      outcome: z.enum(["submitted", "skipped", "refused"]),
      job: jobId.nullable().describe("The job that was submitted then, or that was still under way"),
      problem: problemSchema.nullable().describe("Why it was refused"),
    })
    .nullable()
    .describe("What became of the last time that was due"),
  createdAt: timestamp,
});
export type Schedule = z.infer<typeof scheduleSchema>;
export const scheduleListSchema = z.object({ items: z.array(scheduleSchema), nextCursor: z.string().nullable() });
