/**
 * Hashing and copying in one pass, in pieces (B3).
 *
 * One piece at a time keeps the event loop free: hashing a piece takes less than a millisecond.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Source } from "./store.ts";

const PIECE = 1_048_576;

export interface Content {
  readonly bytes: number;
  readonly sha256: string;
}

/** Writes what is in memory, or comes in pieces, to `target`. */
export async function hashingCopy(source: Exclude<Source, { file: string }>, target: FileHandle): Promise<Content> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const whole of source instanceof Uint8Array ? [source] : source.pieces) {
    for (let at = 0; at < whole.length; at += PIECE) {
      const piece = whole.subarray(at, at + PIECE);
      hash.update(piece);
      await writeAll(target, piece);
      bytes += piece.length;
    }
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** `write` may write less than it was given, for instance just before the disk is full. */
export async function writeAll(target: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length;) {
    const { bytesWritten } = await target.write(piece, at, piece.length - at);
    at += bytesWritten;
  }
}

/** Size and SHA-256 of a file. While one piece is hashed the next is read. */
export async function hashFile(path: string): Promise<Content> {
  const hash = createHash("sha256");
  const file = await open(path, "r");
  try {
    const buffers = [Buffer.allocUnsafe(PIECE), Buffer.allocUnsafe(PIECE)] as const;
    let bytes = 0;
    let reading = file.read(buffers[0], 0, PIECE);
    for (let turn = 1; ; turn += 1) {
      const { bytesRead, buffer } = await reading;
      if (bytesRead === 0) return { bytes, sha256: hash.digest("hex") };
      reading = file.read(buffers[turn % 2 === 0 ? 0 : 1], 0, PIECE);
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}
