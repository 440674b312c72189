/**
 * Puts frozen files into the store as a checkpoint. It means nothing until a fenced commit names its manifest.
 *
 * C1 Objects first, the manifest last: a manifest that exists names objects that exist.
 * C2 What the parent has, by hash, is not stored again; the parent is kept as long as this one may need it, because
 *    what is deleted is decided with both in view.
 * C3 What is stored hashes to what the manifest says, and was at rest since it was frozen (Z2): a file that changes while
 *    it is read ends the checkpoint, not the truth of it. One that the program can still reach is copied, never kept (B6).
 */
import { join } from "node:path";
import type { Fence } from "../domain/fence.ts";
import { fenceText } from "../domain/fence.ts";
import { type FrozenFile, type FrozenFolder, stillFrozen } from "./freeze-files.ts";
import { type Content, hashFile } from "./hashing-copy.ts";
import { inLanes } from "./in-lanes.ts";
import { encodeManifest, type Manifest, type ManifestFile } from "./manifest.ts";
import { manifestName, objectName } from "./names.ts";
import { type CheckpointStore, contentChanged, type FileRights, StoreFault } from "./store.ts";

/** Files that are stored at the same time: one is hashed while another goes to the disk, or on its way. */
const LANES = 3;

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
  /** Handed out since the parent. */
  readonly artifacts: Manifest["artifacts"];
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
  const { job, fence, seq, parent, trial, artifacts, ...rest } = draft;
  const files = await storeFiles(store, frozen, draft);
  const manifest: Omit<Manifest, "format"> = {
    job,
    seq,
    ...rest,
    fence: fenceText(fence),
    token: fence.token,
    parent: parent === null ? null : { seq: parent.manifest.seq, manifest: parent.name, sha256: parent.sha256 },
    node: process.version,
    artifacts: withNewer(parent?.manifest.job === job ? parent.manifest.artifacts : [], artifacts),
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

/** All files, a few at a time, in the order of `frozen` (C2, C3). */
async function storeFiles(
  store: CheckpointStore,
  frozen: FrozenFolder,
  { job, fence, parent }: CheckpointDraft,
): Promise<ManifestFile[]> {
  // C2; but what belongs to another job (a fork begins with that) may go before this checkpoint does.
  const shared = parent?.manifest.job === job ? parent.manifest.files : [];
  const known = new Map(shared.map((file) => [file.sha256, file.object]));
  const nameOf = ({ sha256 }: Content): string | null => (known.has(sha256) ? null : objectName(job, sha256, fence));
  const storeOne = async (file: FrozenFile): Promise<ManifestFile> => {
    const { name } = file;
    const path = join(frozen.folder, name);
    // What was not written to since the parent is probably there: reading it costs less than storing it in vain.
    const content = isOld(file, parent) ? await (file.hashed ?? hashFile(path)) : null;
    const { bytes, sha256 } =
      content === null || nameOf(content) !== null
        ? await store.createNamed(path, nameOf, { rights: rightsTo(file), hashed: file.hashed })
        : content;
    if (!(await stillFrozen(frozen, file))) throw contentChanged(name); // C3
    const object = known.get(sha256) ?? objectName(job, sha256, fence);
    known.set(sha256, object);
    return { name, bytes, sha256, object };
  };
  return inLanes(LANES, frozen.files, storeOne);
}

/** C3: a link is the program's own file, and its declaration that it never writes there may be wrong. */
function rightsTo(file: FrozenFile): FileRights {
  return file.how === "linked" ? "read" : "keep";
}

function isOld(file: FrozenFile, parent: WrittenCheckpoint | null): boolean {
  return parent !== null && file.modifiedMs < Date.parse(parent.manifest.createdAt);
}

/** Of two versions of an artifact the newer one counts. */
function withNewer(older: Manifest["artifacts"], newer: Manifest["artifacts"]): Manifest["artifacts"] {
  return [...new Map([...older, ...newer].map((artifact) => [artifact.name, artifact])).values()];
}
