/**
 * What a checkpoint store must do. Kept by the filesystem store, and by S3 and HTTP ones; `test/support` has one suite
 * for all of them.
 *
 * B1 Write-once: of several that create the same name at the same time exactly one creates it; nothing is overwritten.
 * B2 All or nothing: a name that exists holds all of its content, durably, whatever became of its writer.
 * B3 Memory is bounded: content passes through in pieces, whatever its size.
 * B4 What is stored is what was meant: with `sha256` given, content that differs from it is refused, not stored.
 */
import type { Readable } from "node:stream";

/** Where content comes from: memory, or a file. */
export type Source = Uint8Array | { readonly file: string };

export type CreateOutcome =
  { readonly kind: "created"; readonly bytes: number; readonly sha256: string } | { readonly kind: "exists" };

export interface StoredEntry {
  readonly name: string;
  readonly bytes: number;
}

/** All methods throw {@link StoreFault} when the store cannot do its work, and TypeError for names that are none. */
export interface CheckpointStore {
  readonly url: string;
  /** Stores `source` under `name`, unless that exists (B1, B2). `sha256` is what the content must hash to (B4). */
  create(name: string, source: Source, expected?: { readonly sha256: string }): Promise<CreateOutcome>;
  /** The content; null if there is none. Whoever asks has to read it to its end or destroy it. */
  get(name: string): Promise<Readable | null>;
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
 * - `unavailable`: anything else; asking again later may help
 */
export type StoreFaultReason = "full" | "changed" | "unavailable";

export class StoreFault extends Error {
  override readonly name = "StoreFault";
  readonly reason: StoreFaultReason;

  constructor(reason: StoreFaultReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
