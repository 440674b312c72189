/**
 * One upload to S3 under a key that must not exist: whole if it is small, else in parts.
 *
 * U1 The condition is checked where the object comes into being: on PutObject, or at the end of a multipart upload.
 * U2 Memory is bounded: `LANES` parts are on their way at the same time, each in a buffer that is used again (B3). A
 *    part has 8 MiB, or a ten-thousandth of a source larger than 80 GiB, since S3 takes no more parts.
 * U3 What is hashed is what is sent, piece by piece. Content that turns out not to be what was announced is given up
 *    before the upload is completed, and nobody ever sees it (B4).
 * U4 The SDK repeats what got no answer. If it had been done all the same, the repetition finds the key taken, by us:
 *    so every object tells who wrote it. It is looked at too when there is no answer in the end: a server that refuses
 *    before it has read all may hang up, and the answer be lost in that.
 * U5 Where the server does not check the condition at the end of a multipart upload, only what cannot do harm is sent in
 *    parts: content whose name promises its hash. Whoever overwrites it writes the same, and of several at the same time
 *    each may be told that it created it. What is in memory anyhow goes whole, with the condition; the rest is refused
 *    before anything is sent.
 */
import { stat } from "node:fs/promises";
import { promisedHash } from "./names.ts";
import { PartReader } from "./part-reader.ts";
import { isConflict, isTakenBy, refusalOf, type S3Connection } from "./s3-connection.ts";
import { contentChanged, type CreateOutcome, type Source, StoreFault } from "./store.ts";

const PART = 8_388_608;
const MOST_PARTS = 10_000;
const LANES = 3;
const WRITER = "cairn-writer";

export interface UploadOptions {
  readonly connection: S3Connection;
  readonly bucket: string;
  readonly key: string;
  /** The name in the store, for messages. */
  readonly name: string;
  /** What the content has to hash to; null when nobody said. */
  readonly sha256: string | null;
  /** Random, the same for all trials of one `create` (U4). */
  readonly writer: string;
  /** Does the server check the condition at the end of multipart uploads (U5)? */
  readonly checksOnComplete: () => Promise<boolean>;
}

/** `conflict`: somebody was making or deleting the same key; nothing is stored, and it may be tried again. */
export type UploadOutcome = CreateOutcome | { readonly kind: "conflict" };

/** @throws errors of the SDK and of the source; StoreFault `changed` */
export async function upload(source: Source, options: UploadOptions): Promise<UploadOutcome> {
  const bytes = await sizeOf(source);
  const reader = await PartReader.open(source);
  try {
    if (bytes <= PART) return await putWhole(reader, bytes, options);
    if (await exists(options)) return { kind: "exists" };
    const conditional = await options.checksOnComplete();
    if (!conditional && !isHarmless(options)) {
      if (source instanceof Uint8Array) return await putWhole(reader, bytes, options); // U5
      throw tooLargeFor(options.name);
    }
    return await new MultipartUpload(options, reader, { partSize: partSizeFor(bytes), conditional }).run();
  } finally {
    await reader.close();
  }
}

/** U5; that the content is what is announced is seen before the upload is completed (U3). */
function isHarmless({ name, sha256 }: UploadOptions): boolean {
  return sha256 !== null && promisedHash(name) === sha256;
}

function tooLargeFor(name: string): StoreFault {
  return new StoreFault(
    "refused",
    `${name} is larger than 8 MiB, its name does not promise what it holds, and this S3 server does not honour ` +
      "If-None-Match on CompleteMultipartUpload: it would not be write-once. Take a server that does (Amazon S3 does)",
  );
}

async function sizeOf(source: Source): Promise<number> {
  if (source instanceof Uint8Array) return source.length;
  return "file" in source ? (await stat(source.file)).size : source.bytes;
}

/** U2. Whole MiB, and all of one size: some servers want that. */
export function partSizeFor(bytes: number): number {
  return Math.max(PART, Math.ceil(bytes / MOST_PARTS / 1_048_576) * 1_048_576);
}

async function putWhole(reader: PartReader, bytes: number, options: UploadOptions): Promise<UploadOutcome> {
  const { connection, bucket: Bucket, key: Key, name, sha256, writer } = options;
  // One byte more than it should have: a source that has grown shows by it.
  const part = await reader.next(Buffer.allocUnsafe(bytes + 1));
  const content = reader.content();
  if (content.bytes !== bytes || content.sha256 !== (sha256 ?? content.sha256)) throw contentChanged(name); // U3
  try {
    await connection.client.send(
      new connection.sdk.PutObjectCommand({
        Bucket,
        Key,
        Body: part?.bytes ?? "",
        ContentLength: bytes, // The SDK does not count nothing as a length.
        IfNoneMatch: "*", // U1
        Metadata: { [WRITER]: writer },
      }),
    );
    return { kind: "created", ...content };
  } catch (error) {
    return afterRefusal(error, content, options);
  }
}

/** What a refused creation came to. @throws the error when it says nothing about that */
async function afterRefusal(
  error: unknown,
  content: { readonly bytes: number; readonly sha256: string },
  options: UploadOptions,
): Promise<UploadOutcome> {
  const refusal = refusalOf(error);
  if (refusal !== null && isConflict(refusal)) return { kind: "conflict" };
  // The upload is gone when the attempt that got no answer completed it, or somebody thought that we were dead.
  const decided = refusal !== null && (isTakenBy(refusal) || refusal.code === "NoSuchUpload");
  if (refusal !== null && !decided) throw error;
  const writer = await writerOf(options).catch(() => {
    throw error;
  });
  if (writer === null && !decided) throw error;
  if (writer === null) return { kind: "conflict" };
  return writer === options.writer ? { kind: "created", ...content } : { kind: "exists" }; // U4
}

/** Who wrote the key; `""` if that is not known, null if there is no such key. */
async function writerOf({ connection, bucket, key }: UploadOptions): Promise<string | null> {
  try {
    const head = await connection.client.send(new connection.sdk.HeadObjectCommand({ Bucket: bucket, Key: key }));
    return head.Metadata?.[WRITER] ?? "";
  } catch (error) {
    if (refusalOf(error)?.status === 404) return null;
    throw error;
  }
}

async function exists(options: UploadOptions): Promise<boolean> {
  return (await writerOf(options)) !== null;
}

class MultipartUpload {
  readonly #options: UploadOptions;
  readonly #reader: PartReader;
  readonly #partSize: number;
  readonly #conditional: boolean;
  readonly #etags: string[] = [];
  #id = "";
  #failed = false;

  constructor(
    options: UploadOptions,
    reader: PartReader,
    { partSize, conditional }: { readonly partSize: number; readonly conditional: boolean },
  ) {
    this.#options = options;
    this.#reader = reader;
    this.#partSize = partSize;
    this.#conditional = conditional;
  }

  async run(): Promise<UploadOutcome> {
    const { connection, bucket, key, writer } = this.#options;
    const create = new connection.sdk.CreateMultipartUploadCommand({
      Bucket: bucket,
      Key: key,
      Metadata: { [WRITER]: writer },
    });
    this.#id = (await connection.client.send(create)).UploadId ?? "";
    try {
      await this.#sendParts();
      const outcome = await this.#complete();
      if (outcome.kind !== "created") await this.#abort();
      return outcome;
    } catch (error) {
      await this.#abort();
      throw error;
    }
  }

  /** U2 */
  async #sendParts(): Promise<void> {
    const lanes = await Promise.allSettled(Array.from({ length: LANES }, () => this.#lane()));
    const failed = lanes.find((lane) => lane.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #lane(): Promise<void> {
    const { connection, bucket, key } = this.#options;
    const buffer = Buffer.allocUnsafeSlow(this.#partSize);
    try {
      while (!this.#failed) {
        const part = await this.#reader.next(buffer);
        if (part === null) return;
        const sent = await connection.client.send(
          new connection.sdk.UploadPartCommand({
            Bucket: bucket,
            Key: key,
            UploadId: this.#id,
            PartNumber: part.number,
            Body: part.bytes,
          }),
        );
        this.#etags[part.number - 1] = sent.ETag ?? "";
      }
    } catch (error) {
      this.#failed = true; // The other lanes need not go on.
      throw error;
    }
  }

  async #complete(): Promise<UploadOutcome> {
    const { connection, bucket, key, name, sha256 } = this.#options;
    const content = this.#reader.content();
    if (content.sha256 !== (sha256 ?? content.sha256)) throw contentChanged(name); // U3
    try {
      await connection.client.send(
        new connection.sdk.CompleteMultipartUploadCommand({
          Bucket: bucket,
          Key: key,
          UploadId: this.#id,
          MultipartUpload: { Parts: this.#etags.map((ETag, at) => ({ ETag, PartNumber: at + 1 })) },
          ...(this.#conditional ? { IfNoneMatch: "*" } : {}), // U1, U5
        }),
      );
      return { kind: "created", ...content };
    } catch (error) {
      return await afterRefusal(error, content, this.#options);
    }
  }

  /** Parts that nobody completes would be paid for until somebody sweeps. */
  async #abort(): Promise<void> {
    const { connection, bucket, key } = this.#options;
    const abort = new connection.sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: this.#id });
    await connection.client.send(abort).catch(() => undefined); // What remains is swept later.
  }
}
