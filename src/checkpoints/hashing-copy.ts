/**
 * Copying and hashing in one pass, in pieces (B3).
 *
 * One piece at a time keeps the event loop free: hashing a piece takes less than a millisecond.
 */
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Source } from "./store.ts";

const PIECE = 1_048_576;

export interface Content {
  readonly bytes: number;
  readonly sha256: string;
}

/** Copies `source` to `target` (null: nowhere, only to hash it). */
export async function hashingCopy(source: Source, target: FileHandle | null): Promise<Content> {
  const hash = createHash("sha256");
  const bytes = await copyInto(source, hash, target);
  return { bytes, sha256: hash.digest("hex") };
}

function copyInto(source: Source, hash: Hash, target: FileHandle | null): Promise<number> {
  if (source instanceof Uint8Array) return copyBytes(source, hash, target);
  return "file" in source ? copyFile(source.file, hash, target) : copyPieces(source.pieces, hash, target);
}

async function copyPieces(pieces: AsyncIterable<Uint8Array>, hash: Hash, target: FileHandle | null): Promise<number> {
  let bytes = 0;
  for await (const piece of pieces) bytes += await copyBytes(piece, hash, target);
  return bytes;
}

async function copyBytes(content: Uint8Array, hash: Hash, target: FileHandle | null): Promise<number> {
  for (let at = 0; at < content.length; at += PIECE) {
    const piece = content.subarray(at, at + PIECE);
    hash.update(piece);
    if (target !== null) await writeAll(target, piece);
  }
  return content.length;
}

/** While one piece is being written the next is read and hashed: the disk does not wait for the hash. */
async function copyFile(path: string, hash: Hash, target: FileHandle | null): Promise<number> {
  const file = await open(path, "r");
  let written = Promise.resolve();
  try {
    const buffers = [Buffer.allocUnsafe(PIECE), Buffer.allocUnsafe(PIECE)] as const;
    let bytes = 0;
    for (let turn = 0; ; turn += 1) {
      const buffer = turn % 2 === 0 ? buffers[0] : buffers[1];
      const { bytesRead } = await file.read(buffer, 0, PIECE);
      await written;
      if (bytesRead === 0) return bytes;
      const piece = buffer.subarray(0, bytesRead);
      if (target !== null) written = writeAll(target, piece);
      written.catch(() => undefined); // Thrown by the `await` above, or below.
      hash.update(piece);
      bytes += bytesRead;
    }
  } finally {
    await written.catch(() => undefined); // Before the buffers and the target go.
    await file.close();
  }
}

/** `write` may write less than it was given, for instance just before the disk is full. */
export async function writeAll(target: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length;) {
    const { bytesWritten } = await target.write(piece, at, piece.length - at);
    at += bytesWritten;
  }
}

/** Size and SHA-256 of a file. */
export function hashFile(path: string): Promise<Content> {
  return hashingCopy({ file: path }, null);
}
