/**
 * Cuts a source into parts of equal size (the last may be shorter), hashing the whole on the way.
 *
 * Parts are asked for by several at a time, but read one after the other: each gets the next one, in a buffer of its
 * own that it brings along. So memory is the buffers, whatever the size of the source (B3).
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { PIECE } from "./gathered-pieces.ts";
import type { Source } from "./store.ts";

export interface Part {
  /** From 1 on. */
  readonly number: number;
  /** A view of the buffer that was brought along. */
  readonly bytes: Buffer;
}

/** Reads at most as much as `target` holds; 0 at the end of the source. */
type ReadSome = (target: Buffer) => Promise<number>;

export class PartReader {
  readonly #read: ReadSome;
  readonly #close: () => Promise<void>;
  readonly #hash = createHash("sha256");
  #turn: Promise<unknown> = Promise.resolve();
  #number = 0;
  #bytes = 0;
  #ended = false;

  private constructor(read: ReadSome, close: () => Promise<void>) {
    this.#read = read;
    this.#close = close;
  }

  static async open(source: Source): Promise<PartReader> {
    if (source instanceof Uint8Array) return new PartReader(...readingMemory(source));
    return new PartReader(...("file" in source ? await readingFile(source.file) : readingPieces(source.pieces)));
  }

  /** The next part, as long as `buffer` unless it is the last; null behind that. An empty source has one empty part. */
  next(buffer: Buffer): Promise<Part | null> {
    const part = this.#turn.then(() => this.#fill(buffer));
    this.#turn = part.catch(() => undefined);
    return part;
  }

  /** What was read; ask when `next` has said null. */
  content(): { readonly bytes: number; readonly sha256: string } {
    return { bytes: this.#bytes, sha256: this.#hash.copy().digest("hex") };
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#close();
  }

  async #fill(buffer: Buffer): Promise<Part | null> {
    let filled = 0;
    while (filled < buffer.length && !this.#ended) {
      const stretch = buffer.subarray(filled, filled + PIECE); // More would hold the event loop.
      const length = await this.#read(stretch);
      if (length === 0) this.#ended = true;
      this.#hash.update(stretch.subarray(0, length));
      filled += length;
    }
    if (filled === 0 && this.#number > 0) return null;
    this.#number += 1;
    this.#bytes += filled;
    return { number: this.#number, bytes: buffer.subarray(0, filled) };
  }
}

const nothingToClose = (): Promise<void> => Promise.resolve();

function readingMemory(content: Uint8Array): [ReadSome, () => Promise<void>] {
  let from = 0;
  const read: ReadSome = (target) => {
    const piece = content.subarray(from, from + target.length);
    target.set(piece);
    from += piece.length;
    return Promise.resolve(piece.length);
  };
  return [read, nothingToClose];
}

async function readingFile(path: string): Promise<[ReadSome, () => Promise<void>]> {
  const file = await open(path, "r");
  return [async (target) => (await file.read(target, 0, target.length)).bytesRead, () => file.close()];
}

function readingPieces(pieces: AsyncIterable<Uint8Array>): [ReadSome, () => Promise<void>] {
  const reading = pieces[Symbol.asyncIterator]();
  let left: Uint8Array = new Uint8Array();
  const read: ReadSome = async (target) => {
    while (left.length === 0) {
      const next = await reading.next();
      if (next.done === true) return 0;
      left = next.value;
    }
    const piece = left.subarray(0, target.length);
    target.set(piece);
    left = left.subarray(piece.length);
    return piece.length;
  };
  return [
    read,
    async () => {
      await reading.return?.();
    },
  ];
}
