/**
 * Puts a folder into the store as a checkpoint. It means nothing until a fenced commit names its manifest.
 *
 * C1 Objects first, the manifest last: a manifest that exists names objects that exist.
 * C2 What the parent has, by hash, is not stored again; the parent is kept as long as this one may need it, because
 *    what is deleted is decided with both in view.
 * C3 What is stored hashes to what the manifest says: a file that changes while it is read ends the checkpoint, not
 *    the truth of it.
 */
import { readdir } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Fence } from "../domain/fence.ts";
import { fenceText } from "../domain/fence.ts";
import { hashFile } from "./hashing-copy.ts";
import { encodeManifest, isFileName, type Manifest, type ManifestFile } from "./manifest.ts";
import { manifestName, objectName } from "./names.ts";
import { type CheckpointStore, StoreFault } from "./store.ts";

export interface CheckpointDraft {
  readonly job: string;
  readonly task: string;
  readonly checkpointVersion: number;
  readonly seq: number;
  readonly fence: Fence;
  readonly attempt: number;
  readonly parent: WrittenCheckpoint | null;
  readonly progress: Manifest["progress"];
  readonly createdAt: string;
  /** How often this number was tried before in this attempt. */
  readonly trial: number;
}

/** A checkpoint that is in the store. */
export interface WrittenCheckpoint {
  readonly name: string;
  readonly sha256: string;
  readonly manifest: Manifest;
}

/**
 * Stores all files under `folder`. Empty folders are not kept.
 *
 * @throws StoreFault when the store cannot take it; Error when something in the folder is no regular file
 */
export async function writeCheckpoint(
  store: CheckpointStore,
  folder: string,
  draft: CheckpointDraft,
): Promise<WrittenCheckpoint> {
  const { job, fence, seq, parent, trial, ...rest } = draft;
  const known = new Map(parent?.manifest.files.map((file) => [file.sha256, file.object])); // C2
  const files: ManifestFile[] = [];
  for (const name of await filesUnder(folder, "")) {
    const path = join(folder, name);
    const { bytes, sha256 } = await hashFile(path);
    let object = known.get(sha256);
    if (object === undefined) {
      object = objectName(job, sha256, fence);
      await store.create(object, { file: path }, { sha256 }); // C3
      known.set(sha256, object);
    }
    files.push({ name, bytes, sha256, object });
  }
  const manifest: Omit<Manifest, "format"> = {
    job,
    seq,
    ...rest,
    fence: fenceText(fence),
    token: fence.token,
    parent: parent === null ? null : { seq: parent.manifest.seq, manifest: parent.name, sha256: parent.sha256 },
    node: process.version,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    files,
  };
  const { text, sha256 } = encodeManifest(manifest);
  const name = manifestName(job, seq, fence, trial);
  const created = await store.create(name, Buffer.from(text)); // C1
  // The name has the attempt's token and the trial in it: nobody else can have made it.
  if (created.kind === "exists") throw new StoreFault("unavailable", `${name} exists already`);
  return { name, sha256, manifest: { format: 1, ...manifest } };
}

async function filesUnder(folder: string, inner: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(join(folder, inner), { withFileTypes: true })) {
    const name = posix.join(inner, entry.name);
    if (entry.isDirectory()) names.push(...(await filesUnder(folder, name)));
    else if (!entry.isFile()) throw new Error(`${name} in the checkpoint is not a regular file`);
    else if (!isFileName(name)) throw new Error(`${name} is no name for a file of a checkpoint`);
    else names.push(name);
  }
  return names.sort();
}
