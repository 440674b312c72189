/**
 * Hashing and copying in one pass, in pieces (B3).
 *
 * One piece at a time keeps the event loop turning: hashing a piece takes less than a millisecond. A large file that lies
 * there already is hashed in a thread, beside everything else; one that is just being copied is followed by it
 * (`threaded-hash.ts`).
 *
 * HC1 What is hashed is the copy, as it can be read, and never its original: they may differ.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { gatheredPieces, PIECE } from "./gathered-pieces.ts";
import type { Source } from "./store.ts";
import { canFollow, hashInThread, THREAD_FROM, type FollowingHash, type HashThreads } from "./threaded-hash.ts";

export interface Content {
  readonly bytes: number;
  readonly sha256: string;
}

/** Writes what is in memory, or comes in pieces, to `target`. While one piece is written the next one comes. */
export async function hashingCopy(source: Exclude<Source, { file: string }>, target: FileHandle): Promise<Content> {
  const hash = createHash("sha256");
  let bytes = 0;
  let writing = Promise.resolve();
  try {
    for await (const pieces of gatheredPieces(source instanceof Uint8Array ? [source] : source.pieces)) {
      for (const piece of pieces) {
        hash.update(piece);
        bytes += piece.length;
      }
      await writing;
      writing = writeAll(target, pieces);
      writing.catch(() => undefined); // It is waited for at the next pieces.
    }
  } finally {
    await writing; // Also when the pieces break off: nobody closes the file under a write.
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** A write may write less than it was given, for instance just before the disk is full. */
export async function writeAll(target: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  let left = [...pieces];
  while (left.length > 0) {
    let { bytesWritten } = await target.writev(left);
    while (left[0] !== undefined && left[0].length <= bytesWritten) bytesWritten -= left.shift()?.length ?? 0;
    left = left.map((piece, at) => (at === 0 ? piece.subarray(bytesWritten) : piece));
  }
}

/** Size and SHA-256 of a file. @throws what the filesystem says */
export async function hashFile(path: string): Promise<Content> {
  const { size } = await stat(path);
  return size < THREAD_FROM ? hashHere(path) : hashInThread(path);
}

/** A copy that is whole, and what it hashes to, which takes longer. */
export interface HashedCopy {
  readonly content: Promise<Content>;
}

/**
 * Makes a new file `to` of what `from` holds: the kernel copies, or shares the blocks where the file system can, and
 * what arrives is hashed meanwhile. Measured: two thirds of the time of one after the other.
 *
 * @throws what the file system says of the copying; `content` rejects with what it says of the reading
 */
export async function copyHashed(from: string, to: string, threads: HashThreads): Promise<HashedCopy> {
  const { size } = await stat(from);
  const following = size >= THREAD_FROM && (await canFollow(dirname(to))) ? threads.follow(to) : null;
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (error) {
    following?.unwanted();
    throw error;
  }
  following?.whole();
  const content = following === null ? hashFile(to) : contentOf(following);
  content.catch(() => undefined); // It is waited for later, or not at all.
  return { content };
}

async function contentOf(following: FollowingHash): Promise<Content> {
  const { bytes, sha256 } = await following.result;
  return { bytes, sha256 };
}

/** While one piece is hashed the next is read. */
async function hashHere(path: string): Promise<Content> {
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
