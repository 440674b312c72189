/** What the jobs that a job waited for, or takes something of, have come to: for the task that goes on from there. */
import type { Dependency } from "../contract/job.ts";
import type { Publisher } from "../domain/artifact-absence.ts";
import { elementId } from "../domain/array-element.ts";
import type { JobState } from "../domain/job-state.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import type { RawJob } from "./record.ts";

export interface ParentResult {
  readonly job: string;
  /** Null when the job is deleted. */
  readonly state: JobState | null;
  readonly task: string | null;
  /** Of an array that was waited for as a whole, each element stands here, with its index from 0. */
  readonly array: { readonly id: string; readonly index: number } | null;
  /** Raw JSON; null unless it succeeded. */
  readonly output: string | null;
}

/** Names of artifacts that are read of a job, about. */
const NAMES_READ = 50;

/** Who it is that has not published an artifact. @throws what Redis says */
export async function readPublisher(redis: RedisClient, keys: Keys, job: string): Promise<Publisher> {
  const [state, isArray, count, [, flat]] = await Promise.all([
    redis.hget(keys.job(job), "state"),
    redis.exists(keys.array(job)),
    redis.hlen(keys.artifacts(job)),
    redis.hscan(keys.artifacts(job), 0, "COUNT", NAMES_READ),
  ]);
  if (state === null) return isArray === 1 ? { kind: "array" } : { kind: "nobody" };
  const names = flat.filter((_text, at) => at % 2 === 0);
  return { kind: "job", state: state as JobState, names, count };
}

/** Outputs of all parents together, bytes. */
const MOST_BYTES = 16_777_216;
/** Records read side by side. */
const STEP = 100;

/** @throws what Redis says; Error when the outputs are too large together */
export async function readParents(redis: RedisClient, keys: Keys, record: RawJob): Promise<readonly ParentResult[]> {
  const parents = JSON.parse(textOf(record["dependsOn"]) ?? "[]") as Dependency[];
  const wanted: Pick<ParentResult, "job" | "array">[] = [];
  for (const { job } of parents) {
    const count = await redis.hget(keys.array(job), "count");
    if (count === null) wanted.push({ job, array: null });
    else {
      for (let index = 0; index < Number(count); index += 1) {
        wanted.push({ job: elementId(job, index), array: { id: job, index } });
      }
    }
  }
  const results: ParentResult[] = [];
  let bytes = 0;
  for (let from = 0; from < wanted.length; from += STEP) {
    const some = wanted.slice(from, from + STEP);
    const stored = await Promise.all(some.map(({ job }) => redis.hmget(keys.job(job), "state", "task", "output")));
    for (const [at, one] of some.entries()) {
      const [state, task, output] = stored[at] ?? [];
      bytes += output?.length ?? 0;
      if (bytes > MOST_BYTES)
        throw new Error(`the outputs of the jobs it waited for are larger than ${MOST_BYTES} bytes`);
      results.push({ ...one, state: (state ?? null) as JobState | null, task: task ?? null, output: textOf(output) });
    }
  }
  return results;
}

/** Empty means absent. */
function textOf(value: string | null | undefined): string | null {
  return value === undefined || value === "" ? null : value;
}
