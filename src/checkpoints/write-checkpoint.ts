/**
 * Puts frozen files into the store as a checkpoint. It means nothing until a fenced commit names its manifest.
 *
 * C1 Objects first, the manifest last: a manifest that exists names objects that exist.
 * C2 What the parent has, by hash, is not stored again; the parent is kept as long as this one may need it, because
 *    what is deleted is decided with both in view.
 * C3 What is stored hashes to what the manifest says, and was at rest since it was frozen (Z2): a file that changes while
 *    it is read ends the checkpoint, not the truth of it.
 */
import { join } from "node:path";
import type { Fence } from "../domain/fence.ts";
import { fenceText } from "../domain/fence.ts";
import { type FrozenFolder, stillFrozen } from "./freeze-files.ts";
import { hashFile } from "./hashing-copy.ts";
import { encodeManifest, type Manifest, type ManifestFile } from "./manifest.ts";
import { manifestName, objectName } from "./names.ts";
import { type CheckpointStore, contentChanged, StoreFault } from "./store.ts";

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
 * Stores all files of `frozen`.
 *
 * @throws StoreFault when the store cannot take it; with reason `changed` when a file was written to meanwhile (C3)
 */
export async function writeCheckpoint(
  store: CheckpointStore,
  frozen: FrozenFolder,
  draft: CheckpointDraft,
): Promise<WrittenCheckpoint> {
  const { job, fence, seq, parent, trial, ...rest } = draft;
  const known = new Map(parent?.manifest.files.map((file) => [file.sha256, file.object])); // C2
  const files: ManifestFile[] = [];
  for (const file of frozen.files) {
    const { name } = file;
    const path = join(frozen.folder, name);
    const { bytes, sha256 } = await hashFile(path);
    let object = known.get(sha256);
    if (object === undefined) {
      object = objectName(job, sha256, fence);
      await store.create(object, { file: path }, { sha256 }); // C3
      known.set(sha256, object);
    }
    if (!(await stillFrozen(frozen, file))) throw contentChanged(name); // C3
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
