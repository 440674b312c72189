/**
 * Files that the task has handed out, and that wait to be committed with a checkpoint or with the end.
 *
 * AR1 What was handed out stays here until a commit named it: a checkpoint that fails takes nothing with it.
 * AR2 Every version has a name of its own in the store; which one counts, the commit says.
 */
import { rm } from "node:fs/promises";
import { type CheckpointStore, storeNames } from "../../src/checkpoints/checkpoints.ts";
import { hashFile } from "../../src/checkpoints/checkpoints.ts";
import type { ArtifactFile } from "../runner/protocol.ts";
import type { ArtifactEntry } from "./protocol.ts";

export class PendingArtifacts {
  readonly #store: CheckpointStore;
  readonly #job: string;
  #files = new Map<string, ArtifactFile>();

  constructor(store: CheckpointStore, job: string) {
    this.#store = store;
    this.#job = job;
  }

  /** Takes over what the runner reports; a newer version of a name replaces an older one. */
  add(files: readonly ArtifactFile[]): void {
    for (const file of files) this.#files.set(file.name, file);
  }

  /** Stores all that waits. @throws StoreFault */
  async store(): Promise<readonly StoredArtifact[]> {
    const stored: StoredArtifact[] = [];
    for (const file of this.#files.values()) {
      const { sha256, bytes } = await hashFile(file.path);
      const name = storeNames.artifactName(this.#job, file.name, sha256);
      await this.#store.create(name, { file: file.path }, { sha256 }); // AR2: the same version may be there already.
      stored.push({ file, entry: { name: file.name, sha256, bytes } });
    }
    return stored;
  }

  /** A commit named them (AR1). */
  async committed(artifacts: readonly StoredArtifact[]): Promise<void> {
    for (const { file } of artifacts) {
      if (this.#files.get(file.name) === file) this.#files.delete(file.name);
      await rm(file.path, { force: true });
    }
  }
}

export interface StoredArtifact {
  readonly file: ArtifactFile;
  readonly entry: ArtifactEntry;
}
