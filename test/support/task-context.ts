/** Contexts for calling the functions of a task directly: what they hand out is kept, for the test to look at. */
import { readFile, readdir } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { BatchContext, CheckpointView, OnlineContext, TaskContext } from "../../src/index.ts";

function taskContext(checkpoints: ReadonlyMap<string, CheckpointView>): TaskContext {
  const { signal } = new AbortController();
  return {
    job: "job-under-test",
    attempt: 1,
    fence: "1",
    traceparent: null,
    signal,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    latestCheckpoint: (job) => Promise.resolve(checkpoints.get(job) ?? null),
  };
}

/** A batch context that keeps artifacts and the last progress. */
export interface RecordingContext extends BatchContext {
  readonly artifacts: Map<string, Uint8Array>;
  readonly lastProgress: () => { completed: number; total: number | null; unit: string } | null;
}

export function batchContext(): RecordingContext {
  const artifacts = new Map<string, Uint8Array>();
  let last: ReturnType<RecordingContext["lastProgress"]> = null;
  return {
    ...taskContext(new Map()),
    artifacts,
    lastProgress: () => last,
    progress: (completed, total, unit) => {
      last = { completed, total, unit };
    },
    artifact: (name, data) => {
      artifacts.set(name, typeof data === "string" ? new TextEncoder().encode(data) : data);
    },
    random: () => 0.5,
    array: null,
    dependencies: () => Promise.resolve([]),
  };
}

export function onlineContext(checkpoints: ReadonlyMap<string, CheckpointView>): OnlineContext {
  return { ...taskContext(checkpoints), remainingMs: () => 10_000 };
}

/** The files of a folder, as the latest checkpoint of a job; `reads` counts how often any was read. */
export async function checkpointOf(
  jobId: string,
  folder: string,
  seq: number,
): Promise<CheckpointView & { reads: () => number }> {
  const files = (await readdir(folder)).sort();
  const hash = createHash("sha256");
  for (const name of files) hash.update(await readFile(join(folder, name)));
  let reads = 0;
  return {
    jobId,
    seq,
    manifestSha256: hash.digest("hex"),
    progress: null,
    files,
    read: (name) => {
      reads++;
      return readFile(join(folder, name));
    },
    reads: () => reads,
  };
}
