/**
 * What `ctx.latestCheckpoint` gives: the newest committed checkpoint of some job, read as far as it is wanted.
 *
 * Which one that is only the job's record knows; so the way to ask it is passed in.
 */
import type { CheckpointView } from "../tasks/context.ts";
import { CheckpointDamaged, openCheckpoint } from "./read-checkpoint.ts";
import type { CheckpointStore } from "./store.ts";

/** What the record of a job says about its latest checkpoint. */
export interface CheckpointPointer {
  readonly seq: number;
  readonly manifest: string;
  readonly manifestSha256: string;
  readonly progress: number | null;
}

/** Asks for the pointer of a job; null when it has no checkpoint (or there is no such job). */
export type FindPointer = (job: string) => Promise<CheckpointPointer | null>;

const TRIALS = 3;

export interface StoredCheckpointView extends CheckpointView {
  /** Copies one file to `path`, whatever its size. @throws CheckpointDamaged; RangeError when there is no such file */
  copyTo(name: string, path: string): Promise<void>;
}

/**
 * Opens the latest checkpoint of a job.
 *
 * @returns null if it has none
 * @throws CheckpointDamaged when its manifest cannot be believed; `read` throws the same for a file
 */
export async function latestCheckpoint(
  store: CheckpointStore,
  find: FindPointer,
  job: string,
): Promise<StoredCheckpointView | null> {
  for (let trial = 1; ; trial += 1) {
    const pointer = await find(job);
    if (pointer === null) return null;
    const opening = await openCheckpoint(store, pointer.manifest, pointer.manifestSha256);
    if (opening.kind === "ok") {
      const { checkpoint } = opening;
      return {
        jobId: job,
        seq: pointer.seq,
        manifestSha256: pointer.manifestSha256,
        progress: pointer.progress,
        files: checkpoint.manifest.files.map((file) => file.name),
        read: (name) => checkpoint.read(name),
        copyTo: (name, path) => checkpoint.copyTo(name, path),
      };
    }
    // It may have been replaced and deleted between the two questions; then there is a newer one.
    if (trial === TRIALS) throw new CheckpointDamaged(`checkpoint ${pointer.seq} of job ${job}: ${opening.detail}`);
  }
}
