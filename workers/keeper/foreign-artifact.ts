/**
 * Fetches an artifact of any job, as the input of this one.
 *
 * FA1 Only what the record of that job names counts, and only if it hashes to what stands there.
 * FA2 What is absent from a store that is not the one it was (nothing is mounted on its folder) is not absent: the store
 *     is waited for, like one that does not answer.
 * FA3 What is longer than wanted is refused before it is copied: it may not fit on this machine.
 */
import { type CheckpointStore, demandIdentity, storeNames } from "../../src/checkpoints/checkpoints.ts";
import { artifactAbsence } from "../../src/domain/artifact-absence.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { AgentLink } from "./agent-link.ts";
import { untilStored } from "./store-patience.ts";

/** There is no such thing, and asking again does not make one. */
export class Absent extends Error {
  override readonly name = "Absent";
}

export interface WantedArtifact {
  readonly job: string;
  readonly name: string;
  readonly maxBytes: number;
}

export interface FetchOptions {
  readonly store: CheckpointStore;
  /** The id that the store must have; null: whichever it is. */
  readonly storeId: string | null;
  readonly link: AgentLink;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long a store that does not answer is waited for, ms. */
  readonly patienceMs: number;
  /** A path where nothing is; another one for each call. */
  readonly newPath: () => string;
}

/**
 * @returns where the file lies, verified
 * @throws Absent; StoreFault when the store does not answer for too long; Error when it is damaged
 */
export async function fetchArtifact({ job, name, maxBytes }: WantedArtifact, options: FetchOptions): Promise<string> {
  const { store, storeId, link, clock, signal, patienceMs, newPath } = options;
  if (!storeNames.isArtifactName(name)) throw new Absent(`${JSON.stringify(name)} is no name of an artifact`);
  const answer = await link.request({ kind: "artifact", job, name }, signal);
  if (answer.kind !== "ok") throw new Error("the attempt is over");
  const { artifact, publisher } = answer;
  if (!artifact) throw new Absent(artifactAbsence(job, name, publisher ?? { kind: "nobody" }));
  const { sha256, bytes } = artifact;
  if (bytes > maxBytes) {
    throw new Absent(`the artifact ${name} of job ${job} has ${bytes} bytes, more than ${maxBytes}; raise maxBytes`); // FA3
  }
  return untilStored({ clock, signal, patienceMs }, async () => {
    const path = newPath();
    const content = await store.copyTo(storeNames.artifactName(job, name, sha256), path);
    if (content === null) {
      await demandIdentity(store, storeId); // FA2
      throw new Absent(`the artifact ${name} of job ${job} is not in the store any more; ${AGAIN}`);
    }
    if (content.sha256 === sha256) return path;
    throw new Error(
      `the artifact ${name} of job ${job} is damaged: its SHA-256 is ${content.sha256}, not ${sha256}; ${AGAIN}`, // FA1
    );
  });
}

const AGAIN = "retry that job, which makes it anew, and when it has succeeded this one";
