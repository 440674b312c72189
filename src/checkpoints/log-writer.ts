/**
 * Keeps what an attempt prints, in pieces, because object stores cannot append.
 *
 * A piece is named by the bytes it holds, `start` to `end`, counted from the beginning of the attempt; a reader that
 * finds a gap knows how much was left out. Small pieces are stored often, so that a reader is never far behind, and
 * are joined as they grow many.
 *
 * L1 At most about `limit` bytes are kept: the first half of them from the beginning, the rest from the end.
 * L2 Memory is bounded: when the store is slower than the program prints, bytes are left out, and the program is not
 *    held up. A full store must not stop a computation.
 * L3 A joined piece is stored before the pieces it replaces are deleted: every byte can be read at all times.
 */
import { logPieceName } from "./names.ts";
import type { CheckpointStore } from "./store.ts";

const SEGMENT = 262_144;
const JOIN_AT = 32;
/** Bytes that wait for the store besides those of the first half, at most. */
const PENDING = 4_194_304;
/** What a program prints at once is not torn. */
const PENDING_LEAST = 65_536;

export interface LogWriterOptions {
  readonly store: CheckpointStore;
  readonly job: string;
  readonly attempt: number;
  /** Bytes kept of this attempt. */
  readonly limit: number;
}

interface Printed {
  readonly start: number;
  readonly bytes: Buffer;
}

interface Piece {
  readonly start: number;
  readonly end: number;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #segmentBytes: number;
  readonly #pendingMost: number;
  /** Printed, not stored yet, in order. */
  #pending: Printed[] = [];
  #pendingBytes = 0;
  /** Bytes printed so far. */
  #end = 0;
  /** The segment that is still growing: its bytes, and the pieces in the store that hold them. */
  #open: { start: number; bytes: Buffer[]; pieces: Piece[] } | null = null;
  /** Full segments behind the first half of the limit, oldest first: they go when newer ones come (L1). */
  #tail: Piece[] = [];
  #tailBytes = 0;
  #flushing: Promise<void> | null = null;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#segmentBytes = Math.max(1, Math.min(SEGMENT, Math.floor(options.limit / 8)));
    this.#pendingMost = Math.min(PENDING, Math.max(PENDING_LEAST, options.limit / 2));
  }

  /** Takes what was printed. Never waits, never throws. */
  append(bytes: Buffer): void {
    this.#pending.push({ start: this.#end, bytes });
    this.#pendingBytes += bytes.length;
    this.#end += bytes.length;
    while (this.#pendingBytes > this.#options.limit / 2 + this.#pendingMost) {
      // L2: the oldest go, but not those of the first half (L1). What is left out shows as a gap. More than the second
      // half would be stored only to be deleted, while the last lines wait at the end of the attempt.
      const oldest = this.#pending.findIndex(({ start }) => start >= this.#options.limit / 2);
      if (oldest < 0) return;
      const [dropped] = this.#pending.splice(oldest, 1);
      this.#pendingBytes -= dropped?.bytes.length ?? 0;
    }
  }

  /** Is there so much that it should be stored now? */
  get isFull(): boolean {
    return this.#pendingBytes >= this.#segmentBytes;
  }

  /** Stores what is pending. One at a time: a second call waits for the first. @throws StoreFault; the rest is kept */
  async flush(): Promise<void> {
    while (this.#flushing !== null) await this.#flushing.catch(() => undefined);
    if (this.#pendingBytes === 0) return;
    this.#flushing = this.#flush().finally(() => (this.#flushing = null));
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    for (let next = this.#take(); next !== null; next = this.#take()) {
      const { start, bytes } = next;
      try {
        await this.#store(start, start + bytes.length, bytes);
      } catch (error) {
        this.#pending.unshift(next);
        this.#pendingBytes += bytes.length;
        throw error;
      }
      await this.#grow(start, bytes);
    }
  }

  /** Takes from what is pending as much as is without a gap and fits into the open segment. */
  #take(): Printed | null {
    const [first] = this.#pending;
    if (first === undefined) return null;
    const used = lengthOf(this.#open?.bytes ?? []);
    const room = Math.max(1, this.#segmentBytes - used);
    const taken: Buffer[] = [];
    let length = 0;
    while (length < room) {
      const [next] = this.#pending;
      if (next?.start !== first.start + length) break;
      const part = next.bytes.subarray(0, room - length);
      const rest = next.bytes.subarray(part.length);
      if (rest.length === 0) this.#pending.shift();
      else this.#pending[0] = { start: next.start + part.length, bytes: rest };
      taken.push(part);
      length += part.length;
    }
    this.#pendingBytes -= length;
    return { start: first.start, bytes: Buffer.concat(taken) };
  }

  /** Adds a stored piece to the open segment, and closes that when it is full, or its neighbour is not adjacent. */
  async #grow(start: number, bytes: Buffer): Promise<void> {
    const piece = { start, end: start + bytes.length };
    if (this.#open !== null && this.#open.start + lengthOf(this.#open.bytes) !== start) await this.#close();
    this.#open ??= { start, bytes: [], pieces: [] };
    this.#open.bytes.push(bytes);
    this.#open.pieces.push(piece);
    if (lengthOf(this.#open.bytes) >= this.#segmentBytes) await this.#close();
    else if (this.#open.pieces.length >= JOIN_AT) await this.#join();
  }

  /** Makes one piece of the open segment's many (L3). */
  async #join(): Promise<void> {
    const open = this.#open;
    if (open === null || open.pieces.length < 2) return;
    const bytes = Buffer.concat(open.bytes);
    const joined = { start: open.start, end: open.start + bytes.length };
    await this.#store(joined.start, joined.end, bytes);
    const replaced = open.pieces;
    open.bytes = [bytes];
    open.pieces = [joined];
    for (const piece of replaced) await this.#delete(piece);
  }

  async #close(): Promise<void> {
    await this.#join();
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    if (open.start < this.#options.limit / 2) return; // The first half stays (L1).
    for (const piece of open.pieces) {
      this.#tail.push(piece);
      this.#tailBytes += piece.end - piece.start;
    }
    while (this.#tailBytes > this.#options.limit / 2 && this.#tail.length > 1) {
      const [oldest] = this.#tail.splice(0, 1);
      if (oldest === undefined) return;
      this.#tailBytes -= oldest.end - oldest.start;
      await this.#delete(oldest);
    }
  }

  async #store(start: number, end: number, bytes: Buffer): Promise<void> {
    const { store, job, attempt } = this.#options;
    await store.create(logPieceName(job, attempt, start, end), bytes);
  }

  async #delete({ start, end }: Piece): Promise<void> {
    const { store, job, attempt } = this.#options;
    await store.delete(logPieceName(job, attempt, start, end));
  }
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
