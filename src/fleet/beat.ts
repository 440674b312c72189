/**
 * What a worker says of itself: once when it registers, and twice a second in its beat.
 *
 * B1 A beat begins with Redis' time of its arrival, written there; it is for people. Whether a worker lives is judged
 *    by the beat changing, on the observer's own clock.
 * B2 `format` is numbered: format N reads N−1.
 */
import { z } from "zod";
import { WORKER_STATES, type WorkerState } from "../contract/worker.ts";

export const BEAT_FORMAT = 1;
/** A beat each half second; who is silent for five beats is lost. */
export const BEAT_MS = 500;
export const LOST_AFTER_MS = 2_500;

const beatSchema = z.object({
  format: z.literal(BEAT_FORMAT),
  boot: z.string(),
  /** Grows with every beat. */
  counter: z.number(),
  state: z.enum(Object.keys(WORKER_STATES) as [WorkerState, ...WorkerState[]]),
  reason: z.string().nullable(),
  pids: z.object({
    agent: z.number(),
    replicas: z.array(z.number()),
    keepers: z.array(z.number()),
    runners: z.array(z.number()),
  }),
  slots: z.object({
    online: z.object({ total: z.number(), used: z.number() }),
    batch: z.object({ total: z.number(), used: z.number() }),
  }),
  /** Replicas that had to be replaced since the agent started, by why. */
  replaced: z.record(z.string(), z.number()).default({}),
  /** `away`: attempts had to let go because it did not answer; others count it as one that takes nothing meanwhile. */
  store: z.enum(["answers", "away"]).default("answers"),
  load: z.number(),
  loopLagMs: z.number(),
});
export type Beat = z.infer<typeof beatSchema>;

const registrationSchema = z.object({
  format: z.literal(BEAT_FORMAT),
  boot: z.string(),
  host: z.string(),
  version: z.string(),
  zone: z.string().nullable(),
  region: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  pools: z.array(z.string()),
  /** `task@definition`. */
  tasks: z.array(z.string()),
  startedAt: z.string(),
});
export type Registration = z.infer<typeof registrationSchema>;

/** What stands for a worker's last beat when it is called lost: nobody uses its slots any more. */
export function lostBeat(beat: Beat): Beat {
  const { online, batch } = beat.slots;
  const slots = { online: { ...online, used: 0 }, batch: { ...batch, used: 0 } };
  return { ...beat, state: "lost", reason: "its beats stopped", slots };
}

/** Reads a stored beat; null when its format is not known here (B2). */
export function readBeat(raw: string): { readonly atMs: number; readonly beat: Beat } | null {
  const bar = raw.indexOf("|");
  const parsed = beatSchema.safeParse(parseJson(raw.slice(bar + 1)));
  return parsed.success ? { atMs: Number(raw.slice(0, bar)), beat: parsed.data } : null;
}

/** Reads a stored registration; null when its format is not known here (B2). */
export function readRegistration(raw: string): Registration | null {
  const parsed = registrationSchema.safeParse(parseJson(raw));
  return parsed.success ? parsed.data : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
