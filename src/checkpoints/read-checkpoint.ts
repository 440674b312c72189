/**
 * Reads checkpoints: whole into a folder to continue from, or file by file to look at.
 *
 * E1 Nothing is handed out that was not verified: what was read is hashed on its way, and a folder counts as restored
 *    only when all of its files did match.
 * E2 Damage (a file that is short or altered) is an outcome; a store that does not answer is a fault. Taking one for
 *    the other would throw good checkpoints away.
 * E3 What is absent is an outcome of its own: the store may be another one than that which it was written to.
 */
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Content } from "./hashing-copy.ts";
import { inLanes } from "./in-lanes.ts";
import { decodeManifest, type Manifest, type ManifestFile } from "./manifest.ts";
import { pieced } from "./pieced.ts";
import type { CheckpointStore } from "./store.ts";

/** Files that are restored at the same time. */
const LANES = 3;

export type Opening =
  | { readonly kind: "ok"; readonly checkpoint: OpenedCheckpoint }
  | { readonly kind: "damaged"; readonly detail: string }
  /** E3 */
  | { readonly kind: "absent"; readonly detail: string };

/** Thrown when a file of a checkpoint is not what its manifest says. */
export class CheckpointDamaged extends Error {
  override readonly name: string = "CheckpointDamaged";
}

/** Thrown when a file of a checkpoint is not in the store (E3). */
export class CheckpointAbsent extends CheckpointDamaged {
  override readonly name = "CheckpointAbsent";
}

/** Opens a checkpoint by its manifest; `expectedSha256` is the hash in the job's record. */
export async function openCheckpoint(
  store: CheckpointStore,
  manifest: string,
  expectedSha256: string | null,
): Promise<Opening> {
  const content = await store.get(manifest);
  if (content === null) return { kind: "absent", detail: "the manifest is not in the store" };
  const pieces: Buffer[] = [];
  for await (const piece of pieced(manifest, content)) pieces.push(piece);
  const reading = decodeManifest(Buffer.concat(pieces).toString("utf8"), expectedSha256);
  return reading.kind === "ok"
    ? { kind: "ok", checkpoint: new OpenedCheckpoint(store, manifest, reading.sha256, reading.manifest) }
    : reading;
}

/** A checkpoint whose manifest was verified. Its files are verified as they are read. */
export class OpenedCheckpoint {
  readonly name: string;
  readonly sha256: string;
  readonly manifest: Manifest;
  readonly #store: CheckpointStore;

  constructor(store: CheckpointStore, name: string, sha256: string, manifest: Manifest) {
    this.#store = store;
    this.name = name;
    this.sha256 = sha256;
    this.manifest = manifest;
  }

  /** The whole of one file. @throws CheckpointDamaged; RangeError when the checkpoint has no such file */
  async read(name: string): Promise<Uint8Array> {
    const pieces: Buffer[] = [];
    for await (const piece of this.#verified(this.#file(name))) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Copies one file to `path`. @throws CheckpointDamaged; `path` may then hold a part of it */
  async copyTo(name: string, path: string): Promise<void> {
    await this.#copy(this.#file(name), path);
  }

  /** Copies all files into `folder` (E1). @throws CheckpointDamaged; nothing in `folder` is to be used then */
  async restoreTo(folder: string): Promise<void> {
    await inLanes(LANES, this.manifest.files, async (file) => {
      const path = join(folder, file.name);
      await mkdir(dirname(path), { recursive: true });
      await this.#copy(file, path);
    });
  }

  #file(name: string): ManifestFile {
    const file = this.manifest.files.find((candidate) => candidate.name === name);
    if (file === undefined) throw new RangeError(`checkpoint ${this.manifest.seq} has no file "${name}"`);
    return file;
  }

  async #copy(file: ManifestFile, path: string): Promise<void> {
    const content = await this.#store.copyTo(file.object, path);
    if (content === null) throw missing(file);
    demandSame(file, content);
  }

  /** The pieces of a file; throws behind the last one if they are not what was promised (E1). */
  async *#verified(file: ManifestFile): AsyncIterable<Buffer> {
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const piece of await this.#pieces(file)) {
      hash.update(piece);
      bytes += piece.length;
      yield piece;
    }
    demandSame(file, { bytes, sha256: hash.digest("hex") });
  }

  async #pieces(file: ManifestFile): Promise<AsyncIterable<Buffer>> {
    const content = await this.#store.get(file.object);
    if (content === null) throw missing(file);
    return pieced(file.object, content);
  }
}

function missing(file: ManifestFile): CheckpointAbsent {
  return new CheckpointAbsent(`${file.name}: its content is not in the store`);
}

/** E1 */
function demandSame(file: ManifestFile, { bytes, sha256 }: Content): void {
  if (bytes !== file.bytes) throw new CheckpointDamaged(`${file.name}: has ${bytes} bytes instead of ${file.bytes}`);
  if (sha256 !== file.sha256) throw new CheckpointDamaged(`${file.name}: does not match its SHA-256`);
}
