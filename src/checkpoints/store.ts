/**
 * What a checkpoint store must do. Kept by the filesystem store, and by S3 and HTTP ones; `test/support` has one suite
 * for all of them.
 *
 * B1 Write-once: of several that create the same name at the same time exactly one creates it; nothing is overwritten.
 * B2 All or nothing: a name that exists holds all of its content, durably, whatever became of its writer.
 * B3 Memory is bounded: content passes through in pieces, whatever its size.
 * B4 What is stored is what was meant: with `sha256` given, content that differs from it is refused, not stored.
 * B5 Every wait is bounded: a store that does not answer is a fault, after a bounded number of trials.
 * B6 A file is only read, and is afterwards what it was. Where the caller lets the store keep it, the store may make it
 *    its content as it lies there: it is still under its name then, and whoever wrote to it would write into the store.
 */
import type { Readable } from "node:stream";
import type { Content } from "./hashing-copy.ts";

/**
 * Where content comes from: memory, a file, or pieces on their way from somewhere else. Those can be read only once,
 * so the store cannot try again by itself; what they are to amount to has to be known beforehand (B4).
 */
export type Source = Uint8Array | { readonly file: string } | AnnouncedPieces;

export interface AnnouncedPieces {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly bytes: number;
  readonly sha256: string;
}

export type CreateOutcome =
  { readonly kind: "created"; readonly bytes: number; readonly sha256: string } | { readonly kind: "exists" };

/** What became of content whose name was found on the way; `name` is null when it was not needed. */
export interface NamedOutcome extends Content {
  readonly kind: "created" | "exists" | "not_needed";
  readonly name: string | null;
}

/** What a store may do with a file it is given (B6). `keep`: nobody writes to it any more, under whatever name. */
export type FileRights = "read" | "keep";

export interface StoredEntry {
  readonly name: string;
  readonly bytes: number;
}

/** The name of a content; null when it is not needed after all. */
export type NameOf = (content: Content) => string | null;

export interface NamedOptions {
  /** Default `read` (B6). */
  readonly rights?: FileRights;
  /** What the file hashes to, where somebody has begun to find out; a store that makes a copy hashes the copy. */
  readonly hashed?: Promise<Content> | undefined;
}

/** All methods throw {@link StoreFault} when the store cannot do its work, and TypeError for names that are none. */
export interface CheckpointStore {
  readonly url: string;
  /** Stores `source` under `name`, unless that exists (B1, B2). `sha256` is what the content must hash to (B4). */
  create(name: string, source: Source, expected?: { readonly sha256: string }): Promise<CreateOutcome>;
  /**
   * Stores a file under the name that `nameOf` finds for its content, in one pass where the store can.
   */
  createNamed(file: string, nameOf: NameOf, options?: NamedOptions): Promise<NamedOutcome>;
  /**
   * The content, from byte `from` (default 0) on; null if there is none, nothing if it ends before.
   * Whoever asks has to read it to its end or destroy it.
   */
  get(name: string, from?: number): Promise<Readable | null>;
  /**
   * Copies the content into a new file; null if there is none. What it tells is what was written there: whoever knows
   * what it should be compares.
   */
  copyTo(name: string, file: string): Promise<Content | null>;
  stat(name: string): Promise<StoredEntry | null>;
  /** All names that begin with `prefix`, in order. What is made or deleted meanwhile may be among them or not. */
  list(prefix: string): AsyncIterable<string>;
  /** Deletes a name; it may be gone already. */
  delete(name: string): Promise<void>;
  /** Removes what killed writers left and no reader can see. @returns how many remains there were */
  sweep(): Promise<number>;
}

/**
 * - `full`: no space, or a quota is used up
 * - `changed`: the content is not what was announced (B4): it changed while it was read, or was damaged
 * - `refused`: the store does not do this for us: wrong credentials, a fence it knows to be stale, a server that cannot
 *   create conditionally. Somebody has to change something before asking again helps
 * - `unavailable`: anything else; asking again later may help
 */
export type StoreFaultReason = "full" | "changed" | "refused" | "unavailable";

export class StoreFault extends Error {
  override readonly name = "StoreFault";
  readonly reason: StoreFaultReason;

  constructor(reason: StoreFaultReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** What `source` has to hash to (B4); null when nobody said. */
export function announcedHash(source: Source, expected: { readonly sha256: string } | undefined): string | null {
  return expected?.sha256 ?? ("sha256" in source ? source.sha256 : null);
}

/** B4 */
export function contentChanged(name: string): StoreFault {
  return new StoreFault("changed", `${name}: the content changed while it was stored, or was damaged`);
}
