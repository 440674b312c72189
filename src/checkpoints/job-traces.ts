/**
 * What a job leaves in the store beside its checkpoints, so that its record can be made again when Redis has lost it.
 *
 *     jobs/<job>/JOB.json                                    what was submitted; once, by the first attempt
 *     jobs/<job>/attempts/<fence>-<token>.json               an attempt, and from where it began; before its first checkpoint
 *     jobs/<job>/marks/<fence>-<round>-<state>.json          a state that no attempt would tell: stopped, cancelled, …
 *
 * JT1 Each is written once and never changed: what is true of a job is what the newest of them says.
 * JT2 They are read by `cairn doctor --rebuild` alone. Everybody else believes the record; but their names tell an owner
 *     that Redis remembers whether it has forgotten a newer one (`succession.ts`).
 * JT3 A job that never began has left nothing: until then it exists in Redis only.
 */
import { z } from "zod";
import { compareFences, parseFenceText, type Fence } from "../domain/fence.ts";
import { attemptFolder, attemptName, jobFileName, jobFolder, markFolder, markName } from "./names.ts";
import { pieced } from "./pieced.ts";
import type { CheckpointStore } from "./store.ts";

const submission = z.object({
  format: z.literal(1),
  job: z.string(),
  /** The fields of the record that came with the submission (`batch/record.ts`). */
  record: z.record(z.string(), z.string()),
});

const attempt = z.object({
  format: z.literal(1),
  job: z.string(),
  attempt: z.int(),
  round: z.int(),
  fence: z.string(),
  token: z.string(),
  worker: z.string(),
  zone: z.string(),
  startedAt: z.string(),
  /** The checkpoint that the record named when it began; null: none. */
  from: z.object({ seq: z.int(), manifest: z.string(), sha256: z.string() }).nullable(),
});

const mark = z.object({
  format: z.literal(1),
  job: z.string(),
  round: z.int(),
  fence: z.string(),
  state: z.enum(["stopped", "cancelled", "expired", "failed"]),
  reason: z.string(),
  /** A problem as JSON text; empty: none. */
  error: z.string(),
  at: z.string(),
});

export type SubmissionTrace = Omit<z.infer<typeof submission>, "format">;
export type AttemptTrace = Omit<z.infer<typeof attempt>, "format">;
export type MarkTrace = Omit<z.infer<typeof mark>, "format">;

export interface JobTraces {
  /** Null: there is none, or it is damaged. */
  readonly submission: SubmissionTrace | null;
  /** Oldest fence first. */
  readonly attempts: readonly AttemptTrace[];
  /** Oldest first. */
  readonly marks: readonly MarkTrace[];
}

/** @throws StoreFault */
export async function writeSubmission(store: CheckpointStore, trace: SubmissionTrace): Promise<void> {
  await store.create(jobFileName(trace.job), encoded(trace));
}

/** @throws StoreFault */
export async function writeAttempt(store: CheckpointStore, fence: Fence, trace: AttemptTrace): Promise<void> {
  await store.create(attemptName(trace.job, fence), encoded(trace));
}

/** @throws StoreFault */
export async function writeMark(store: CheckpointStore, trace: MarkTrace): Promise<void> {
  await store.create(markName(trace.job, trace.fence, trace.round, trace.state), encoded(trace));
}

/** Reads all traces of a job; what is damaged is left out. @throws StoreFault */
export async function readTraces(store: CheckpointStore, job: string): Promise<JobTraces> {
  const attempts: AttemptTrace[] = [];
  for await (const name of store.list(attemptFolder(job))) {
    const read = await readJson(store, name, attempt);
    if (read !== null) attempts.push(read);
  }
  const marks: MarkTrace[] = [];
  for await (const name of store.list(markFolder(job))) {
    const read = await readJson(store, name, mark);
    if (read !== null) marks.push(read);
  }
  return {
    submission: await readJson(store, jobFileName(job), submission),
    attempts: attempts.sort((a, b) => byFence(a, b) || a.attempt - b.attempt),
    marks: marks.sort((a, b) => byFence(a, b) || a.round - b.round || Date.parse(a.at) - Date.parse(b.at)),
  };
}

/**
 * The ids of all jobs that have anything in the store, in order. Reads the names of everything there is: for
 * `cairn doctor --rebuild` alone.
 */
export async function* jobsIn(store: CheckpointStore): AsyncIterable<string> {
  let last = "";
  for await (const name of store.list("jobs/")) {
    const [, job = ""] = name.split("/");
    if (job !== last && name.startsWith(jobFolder(job))) yield job;
    last = job;
  }
}

/** Compares the fences of two traces. */
export function byFence(a: { readonly fence: string }, b: { readonly fence: string }): number {
  const none = { generation: 0, counter: 0 };
  return compareFences(parseFenceText(a.fence) ?? none, parseFenceText(b.fence) ?? none);
}

function encoded(trace: object): Uint8Array {
  return Buffer.from(`${JSON.stringify({ format: 1, ...trace })}\n`);
}

/** @returns null when there is none, or it cannot be understood */
async function readJson<T>(store: CheckpointStore, name: string, schema: z.ZodType<T>): Promise<T | null> {
  const content = await store.get(name);
  if (content === null) return null;
  const pieces: Buffer[] = [];
  for await (const piece of pieced(name, content)) pieces.push(piece);
  try {
    return schema.parse(JSON.parse(Buffer.concat(pieces).toString("utf8")));
  } catch {
    return null;
  }
}
