/**
 * The beat of a replica: what it says of itself four times a second, in one hash that every API process reads.
 *
 * Written as `1 <counter> <JSON>`: the counter is what is judged (`beat-judge.ts`), the rest is for choosing. What has
 * a default is not said by replicas older than it.
 */
import { z } from "zod";

/** How often a replica beats, and how often an API process looks. */
export const BEAT_MS = 250;

const beatSchema = z.object({
  worker: z.string(),
  zone: z.string().nullable(),
  pid: z.int(),
  state: z.enum(["ready", "draining"]),
  /** How long the main event loop has not turned, ms: the beat comes from another thread and says so. */
  lagMs: z.number(),
  slots: z.int(),
  /** What an API process has found wrong with it: it is not to be chosen, and its agent is about to replace it. */
  unfit: z.string().nullable().default(null),
  /** Attempts it holds, running or about to. */
  inFlight: z.int(),
  /** How long Redis takes to answer it, ms; not told by older replicas. */
  roundTripMs: z.number().optional(),
  /** Online tasks it serves. */
  tasks: z.record(
    z.string(),
    z.object({
      definition: z.string(),
      /** How many more it could start now. */
      free: z.int(),
      /** How many it runs at the same time at most; not told by older replicas. */
      most: z.int().optional(),
      /** 95th percentile of the handler's time; null: no sample yet. */
      p95Ms: z.number().nullable(),
      /** Attempts of the task that it holds. */
      held: z.int().default(0),
      /** Does it leave the task's list to others, by order? Null: it knows no such order. */
      parked: z.boolean().nullable().default(null),
      /** Entries taken from its lists since it started; null: it does not count them. */
      taken: z.int().nullable().default(null),
    }),
  ),
});
export type Beat = z.infer<typeof beatSchema>;

export function encodeBeat(counter: number, beat: Beat): string {
  return `1 ${counter} ${JSON.stringify(beat)}`;
}

/** The counter alone, without reading the rest; null when it is no beat of this format. */
export function counterOf(text: string): number | null {
  if (!text.startsWith("1 ")) return null;
  const counter = Number(text.slice(2, text.indexOf(" ", 2)));
  return Number.isSafeInteger(counter) ? counter : null;
}

/** What of a beat the thread adds. */
export type BeatBody = Omit<Beat, "lagMs" | "unfit">;

/** Null when it cannot be read. */
export function decodeBeat(text: string): Beat | null {
  const at = text.indexOf("{");
  if (at < 0) return null;
  try {
    return beatSchema.parse(JSON.parse(text.slice(at)));
  } catch {
    return null;
  }
}
