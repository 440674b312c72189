/**
 * Reads the log of an attempt, also while it is being written.
 *
 * Pieces may overlap for a moment, when small ones have been joined and not been deleted yet; and there are gaps where
 * the middle of a long log was left out. The reader goes by the bytes that the names tell.
 */
import { logFolder, parseLogPiece } from "./names.ts";
import type { CheckpointStore } from "./store.ts";

export interface LogPart {
  readonly bytes: Uint8Array;
  /** How many bytes before `bytes` were asked for, but are not kept. */
  readonly skipped: number;
  /** Where to read on. Equal to the offset asked for when there is nothing new. */
  readonly nextOffset: number;
}

const TRIALS = 5;

/**
 * Reads the log of an attempt from byte `fromOffset` on, at most one stored piece (256 KiB) at a time.
 * To have all of it, or to follow it, read again from `nextOffset`.
 */
export async function readLog(
  store: CheckpointStore,
  job: string,
  attempt: number,
  fromOffset: number,
): Promise<LogPart> {
  const nothing = { bytes: new Uint8Array(), skipped: 0, nextOffset: fromOffset };
  for (let trial = 1; trial <= TRIALS; trial += 1) {
    const piece = await pieceAt(store, logFolder(job, attempt), fromOffset);
    if (piece === null) return nothing;
    const content = await store.get(piece.name);
    if (content === null) continue; // Joined or left out since the list was made.
    const pieces: Buffer[] = [];
    for await (const part of content) pieces.push(part as Buffer);
    const begin = Math.max(piece.start, fromOffset);
    return {
      bytes: Buffer.concat(pieces).subarray(begin - piece.start),
      skipped: begin - fromOffset,
      nextOffset: piece.end,
    };
  }
  return nothing;
}

interface NamedPiece {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** The piece that holds the byte at `offset`, the longest of several; else the first one behind it; else null. */
async function pieceAt(store: CheckpointStore, folder: string, offset: number): Promise<NamedPiece | null> {
  let best: NamedPiece | null = null;
  for await (const name of store.list(folder)) {
    const range = parseLogPiece(name);
    if (range === null || range.end <= offset) continue;
    const begin = Math.max(range.start, offset);
    const bestBegin = best === null ? Infinity : Math.max(best.start, offset);
    if (best === null || begin < bestBegin || (begin === bestBegin && range.end > best.end)) best = { name, ...range };
  }
  return best;
}
