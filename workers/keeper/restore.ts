/**
 * Lays out the newest checkpoint that can be believed in a folder of its own.
 *
 * RS1 Only checkpoints that the record committed are candidates; the newest comes first.
 * RS2 A program starts only on files that were all verified. A damaged checkpoint is set aside, under the fence, and
 *     the next one is tried.
 *     One that is absent is set aside only when other workers have not found it either: this worker gives the job back.
 * RS3 A store that does not answer damages nothing: it is asked again. But a checkpoint that cannot be read time after
 *     time, while an older one is read whole from the same store and it still cannot, lies on bad sectors: it counts as
 *     damaged. The only one is waited for, however long: nothing proves that its store is well.
 * RS4 What is absent in a store that is not the one it was (nothing is mounted on its folder) is not absent: the store
 *     is waited for.
 */
import { mkdir, rm } from "node:fs/promises";
import {
  CheckpointAbsent,
  CheckpointDamaged,
  type CheckpointStore,
  demandIdentity,
  openCheckpoint,
  type OpenedCheckpoint,
  StoreFault,
  type WrittenCheckpoint,
} from "../../src/checkpoints/checkpoints.ts";
import type { AgentLink } from "./agent-link.ts";
import type { Assignment, Candidate } from "./protocol.ts";
import { CheckpointMissing, untilStored } from "./store-patience.ts";
import type { Clock } from "../../src/runtime/clock.ts";

/** How often a checkpoint cannot be read before older ones are looked at (RS3): more than a second. */
const READ_TRIALS = 4;

export type Restoring =
  | { readonly kind: "restored"; readonly checkpoint: WrittenCheckpoint }
  /** There never was a checkpoint. */
  | { readonly kind: "fresh" }
  /** There were, and none can be used. */
  | { readonly kind: "unreadable"; readonly detail: string }
  /** The attempt is over for another reason. */
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "given_up" };

export interface RestoreOptions {
  readonly assignment: Assignment;
  readonly store: CheckpointStore;
  readonly link: AgentLink;
  readonly clock: Clock;
  /** Made anew for each candidate. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onSetAside: (seq: number, detail: string) => void;
}

/** @throws StoreFault when the store did not answer for too long; CheckpointMissing when another worker is to look */
export async function restore(options: RestoreOptions): Promise<Restoring> {
  const { assignment, link, signal } = options;
  let detail = "";
  for (const [n, candidate] of assignment.candidates.entries()) {
    const tried = await tryPatiently(options, candidate, assignment.candidates.slice(n + 1));
    if (signal.aborted) return { kind: "given_up" };
    if (tried.kind === "ok") return { kind: "restored", checkpoint: tried.checkpoint };
    detail = `checkpoint ${candidate.seq}: ${tried.detail}`;
    if (tried.kind === "unfit") return { kind: "unreadable", detail };
    const { kind: why } = tried;
    const answer = await link.request({ kind: "set_aside", seq: candidate.seq, why, detail: tried.detail }, signal);
    if (answer.kind !== "ok") return answer;
    if (answer.elsewhere === true) throw new CheckpointMissing(detail);
    options.onSetAside(candidate.seq, tried.detail);
  }
  return assignment.candidates.length === 0 ? { kind: "fresh" } : { kind: "unreadable", detail };
}

type Trial =
  | { readonly kind: "ok"; readonly checkpoint: OpenedCheckpoint }
  | { readonly kind: "damaged" | "absent" | "unfit"; readonly detail: string };

/** Tries until the store answers, or is known to answer for others (RS3). */
async function tryPatiently(
  options: RestoreOptions,
  candidate: Candidate,
  older: readonly Candidate[],
): Promise<Trial> {
  const { clock, signal } = options;
  let trials = 0;
  let othersAreRead = false;
  return untilStored({ clock, signal, patienceMs: options.assignment.storePatienceMs }, async () => {
    try {
      const tried = await tryCandidate(options, candidate);
      if (tried.kind !== "absent") return tried;
      // RS4: what is missed in this store is looked for once more, and not before: it may just have come back.
      await demandIdentity(options.store, options.assignment.storeId);
      return await tryCandidate(options, candidate);
    } catch (error) {
      if (!(error instanceof StoreFault) || error.reason !== "unavailable" || signal.aborted) throw error;
      if (othersAreRead) {
        return { kind: "damaged", detail: `cannot be read, while others in the store can: ${error.message}` };
      }
      trials += 1;
      if (trials >= READ_TRIALS) othersAreRead = await isAnyRead(options, older);
      throw error; // Once more: the store may have come back in between.
    }
  });
}

/** Can one of them be read whole? */
async function isAnyRead(options: RestoreOptions, candidates: readonly Candidate[]): Promise<boolean> {
  for (const candidate of candidates) {
    try {
      if ((await tryCandidate(options, candidate)).kind === "ok") return true;
    } catch (error) {
      if (!(error instanceof StoreFault)) throw error;
    }
  }
  return false;
}

async function tryCandidate(options: RestoreOptions, candidate: Candidate): Promise<Trial> {
  const { assignment, store, folder } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const opening = await openCheckpoint(store, candidate.manifest, candidate.manifestSha256);
  if (opening.kind !== "ok") return opening;
  const { checkpoint } = opening;
  const { manifest } = checkpoint;
  if (manifest.job !== candidate.job || manifest.seq !== candidate.seq || manifest.task !== assignment.task) {
    return { kind: "damaged", detail: `is checkpoint ${manifest.seq} of job ${manifest.job}` };
  }
  if (manifest.checkpointVersion !== assignment.checkpointVersion) {
    // Whole, but not for this program; setting it aside would lose it for the one that can read it.
    const versions = `${manifest.checkpointVersion}, the task is at ${assignment.checkpointVersion}`;
    return { kind: "unfit", detail: `was written at checkpoint version ${versions}` };
  }
  try {
    await checkpoint.restoreTo(folder);
  } catch (error) {
    if (error instanceof CheckpointAbsent) return { kind: "absent", detail: error.message };
    if (error instanceof CheckpointDamaged) return { kind: "damaged", detail: error.message };
    throw error;
  }
  return { kind: "ok", checkpoint };
}
