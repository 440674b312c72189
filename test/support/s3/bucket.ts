/**
 * The disk of the S3 server for tests: objects made of part files, and uploads that are not completed yet.
 *
 * An object is a list of files, so completing an upload moves no content, as in real servers. What decides is done in
 * one turn of the event loop: the condition and the creation cannot be torn apart.
 */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gatheredPieces } from "../../../src/checkpoints/gathered-pieces.ts";
import { writeAll } from "../../../src/checkpoints/hashing-copy.ts";

export interface Piece {
  readonly file: string;
  readonly bytes: number;
  /** Hex, without quotes. */
  readonly md5: string;
  readonly sha256: string;
  readonly at: number;
}

export interface StoredObject {
  readonly pieces: readonly Piece[];
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly at: number;
}

export interface Upload {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** When it was begun; tests make uploads old. */
  at: number;
  readonly parts: Map<number, Piece>;
}

/** Why a creation was refused: the key exists; or it was deleted since the request began, and S3 will not decide. */
export type Refused = "exists" | "conflict";

export class Bucket {
  readonly #folder: string;
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();
  /** How often each key was deleted. */
  readonly #deletions = new Map<string, number>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes a body to a file, durably. */
  async receive(body: AsyncIterable<Uint8Array>): Promise<Piece> {
    await mkdir(this.#folder, { recursive: true });
    const file = join(this.#folder, randomBytes(12).toString("hex"));
    const md5 = createHash("md5");
    const sha256 = createHash("sha256");
    let bytes = 0;
    const handle = await open(file, "wx");
    try {
      for await (const chunks of gatheredPieces(body)) {
        for (const chunk of chunks) {
          md5.update(chunk);
          sha256.update(chunk);
          bytes += chunk.length;
        }
        await writeAll(handle, chunks);
      }
      await handle.sync();
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    return { file, bytes, md5: md5.digest("hex"), sha256: sha256.digest("hex"), at: Date.now() };
  }

  deletions(key: string): number {
    return this.#deletions.get(key) ?? 0;
  }

  /**
   * @param since null: unconditional; else only if absent, with how often the key had been deleted at the beginning
   * @returns why not; null if it was created
   */
  put(
    key: string,
    pieces: readonly Piece[],
    options: { readonly metadata: Readonly<Record<string, string>>; readonly since: number | null },
  ): Refused | null {
    if (options.since !== null && this.objects.has(key)) return "exists";
    if (options.since !== null && this.deletions(key) !== options.since) return "conflict";
    const joined = createHash("md5").update(Buffer.concat(pieces.map(({ md5 }) => Buffer.from(md5, "hex"))));
    const etag = pieces.length === 1 ? pieces[0]!.md5 : `${joined.digest("hex")}-${pieces.length}`;
    this.objects.set(key, { pieces, etag, metadata: options.metadata, at: Date.now() });
    return null;
  }

  delete(key: string): void {
    if (this.objects.delete(key)) this.#deletions.set(key, this.deletions(key) + 1);
  }

  /** The bytes from `start` up to but not including `end`. */
  read(object: StoredObject, start: number, end: number): Readable {
    return Readable.from(bytesOf(object, start, end), { objectMode: false });
  }

  /** Replaces content on the disk, as a bad disk would. */
  async damage(key: string, change: (content: Buffer) => Buffer): Promise<void> {
    const object = this.objects.get(key);
    if (object === undefined) throw new Error(`no object ${key}`);
    const content = change(Buffer.concat(await Promise.all(object.pieces.map(({ file }) => readFile(file)))));
    const file = join(this.#folder, randomBytes(12).toString("hex"));
    await writeFile(file, content);
    this.objects.set(key, { ...object, pieces: [{ ...object.pieces[0]!, file, bytes: content.length }] });
  }
}

async function* bytesOf(object: StoredObject, start: number, end: number): AsyncIterable<Buffer> {
  let at = 0;
  for (const { file, bytes } of object.pieces) {
    const [from, to] = [Math.max(start - at, 0), Math.min(end - at, bytes)];
    if (from < to) yield* createReadStream(file, { start: from, end: to - 1, highWaterMark: 1_048_576 });
    at += bytes;
  }
}
