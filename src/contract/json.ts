/** Shapes that recur on the wire. */
import { z } from "zod";

/**
 * Any JSON value. Not `z.json()`: what comes here was parsed from JSON and is JSON, and walking 2 MB of it again holds
 * the event loop for a third of a second.
 */
export type Json = z.core.util.JSONType;
export const anyJson: z.ZodType<Json, Json> = z.any().describe("Any JSON value");

/** RFC 3339, UTC. */
export const timestamp = z.iso.datetime().describe("RFC 3339, UTC");
export const durationMs = z.int().min(0).describe("Whole milliseconds");
/** Names of tasks and pools: parts of Redis keys and of file names. */
/** Names of tasks, pools and schedules, and ids of jobs: they become parts of Redis keys and file names. */
export const NAME = /^[a-z][a-z0-9-]{0,62}$/;
export const JOB_ID = /^[0-9a-hjkmnp-tv-z]{26}$/;

export const name = z
  .string()
  .regex(NAME)
  .describe("Lower-case letters, digits and hyphens, beginning with a letter, at most 63");
export const jobId = z.string().regex(JOB_ID).describe("ULID in lower case; sorts by time of submission");
export const labels = z
  .record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/),
    z
      .string()
      .min(1)
      .max(128)
      .regex(/^[^\u0000-\u001f,]*$/),
  )
  .describe("Up to 16 labels");

/** A page of a list; `nextCursor` null is the end. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });
