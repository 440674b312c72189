/**
 * Files that the task has handed out, and that wait to be committed with a checkpoint or with the end.
 *
 * AR1 What was handed out stays here until a commit named it: a checkpoint that fails takes nothing with it.
 * AR2 Every version has a name of its own in the store; which one counts, the commit says.
 * AR3 A file that was handed out is never written to again, so a store may keep it as it lies, if it has no other name
 *     under which that might happen. What is in the store is not stored again when the commit failed.
 * AR4 A version that a newer one has replaced is deleted when the commit script says so, and before anything is stored
 *     after that: it may be handed out again. What is killed in between goes with the job.
 * AR5 A version that is in the store already is read before it is believed: it may be damaged, and the job was run again
 *     to make it anew.
 */
import { createHash } from "node:crypto";
import { lstat, rm } from "node:fs/promises";
import { type CheckpointStore, storeNames } from "../../src/checkpoints/checkpoints.ts";
import type { ArtifactFile } from "../runner/protocol.ts";
import type { ArtifactEntry } from "./protocol.ts";

export class PendingArtifacts {
  readonly #store: CheckpointStore;
  readonly #job: string;
  #files = new Map<string, ArtifactFile>();
  /** What is in the store, and was not committed yet. */
  readonly #stored = new Map<ArtifactFile, ArtifactEntry>();
  /** AR4 */
  #discarding: Promise<unknown> = Promise.resolve();

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
    await this.#discarding; // AR4
    const stored: StoredArtifact[] = [];
    for (const file of this.#files.values()) {
      const entry = this.#stored.get(file) ?? (await this.#storeOne(file));
      this.#stored.set(file, entry);
      stored.push({ file, entry });
    }
    return stored;
  }

  /** Deletes versions, `name/sha256`, beside whatever is done meanwhile (AR4). */
  discard(versions: readonly string[]): void {
    const names = versions.map((version) => `${storeNames.artifactFolder(this.#job)}${version}`);
    this.#discarding = this.#discarding.then(() => Promise.allSettled(names.map((name) => this.#store.delete(name))));
  }

  async #storeOne({ name, path }: ArtifactFile): Promise<ArtifactEntry> {
    const entry = await lstat(path);
    const rights = entry.isFile() && entry.nlink === 1 ? "keep" : "read"; // AR3
    const nameOf = (content: { readonly sha256: string }): string =>
      storeNames.artifactName(this.#job, name, content.sha256);
    const stored = await this.#store.createNamed(path, nameOf, { rights });
    const { sha256, bytes } = stored;
    if (stored.kind === "exists" && !(await this.#isWhole(nameOf(stored), sha256))) {
      await this.#store.delete(nameOf(stored)); // AR5
      await this.#store.createNamed(path, nameOf, { rights });
    }
    return { name, sha256, bytes };
  }

  async #isWhole(object: string, sha256: string): Promise<boolean> {
    const content = await this.#store.get(object);
    const hash = createHash("sha256");
    if (content !== null) for await (const piece of content) hash.update(piece as Buffer);
    return hash.digest("hex") === sha256;
  }

  /** A commit named them (AR1). */
  async committed(artifacts: readonly StoredArtifact[]): Promise<void> {
    for (const { file } of artifacts) {
      if (this.#files.get(file.name) === file) this.#files.delete(file.name);
      this.#stored.delete(file);
      await rm(file.path, { force: true });
    }
  }
}

export interface StoredArtifact {
  readonly file: ArtifactFile;
  readonly entry: ArtifactEntry;
}
