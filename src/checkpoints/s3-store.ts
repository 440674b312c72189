/**
 * A checkpoint store in a bucket of Amazon S3, or of any server that speaks its protocol.
 *
 * T1 Creation is conditional (B1), and a server that overwrites all the same is refused before anything is stored.
 * T2 What S3 shows is whole (B2): an object appears with its last byte, a multipart upload when it is completed.
 * T3 Parts of uploads whose writer died are swept by the age that the server itself gives them: no clock of ours counts.
 */
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { createHashed, readTo } from "./whole-files.ts";
import type { Content } from "./hashing-copy.ts";
import { checkName, checkPrefix, isName } from "./names.ts";
import { resumingRead } from "./resuming-read.ts";
import { pauseBeforeTrial } from "./retry-pause.ts";
import type { S3Address } from "./s3-address.ts";
import { checksOnComplete, demandConditionalPut } from "./s3-conditional.ts";
import { connectS3, refusalOf, type S3Connection, type S3ConnectionOptions, s3FaultOf } from "./s3-connection.ts";
import { sweepUploads } from "./s3-sweep.ts";
import { upload } from "./s3-upload.ts";
import {
  announcedHash,
  type CheckpointStore,
  type CreateOutcome,
  type NamedOptions,
  type NamedOutcome,
  type NameOf,
  type Source,
  type StoredEntry,
  StoreFault,
} from "./store.ts";

/** Trials of a creation that meets others who make or delete the same key. */
const TRIALS = 6;

export interface S3StoreOptions extends S3ConnectionOptions {
  readonly url: string;
  readonly address: S3Address;
}

export class S3Store implements CheckpointStore {
  readonly url: string;
  readonly #address: S3Address;
  readonly #connection: () => Promise<S3Connection>;
  readonly #conditionalPut: () => Promise<void>;
  readonly #checksOnComplete: () => Promise<boolean>;

  constructor({ url, address, ...options }: S3StoreOptions) {
    this.url = url;
    this.#address = address;
    const probe = `${address.prefix}.cairn-probe`;
    this.#connection = once(() => connectS3(address, options));
    this.#conditionalPut = once(async () => demandConditionalPut(await this.#connection(), address.bucket, probe));
    this.#checksOnComplete = once(async () => checksOnComplete(await this.#connection(), address.bucket, probe));
  }

  async create(name: string, source: Source, expected?: { readonly sha256: string }): Promise<CreateOutcome> {
    const key = this.#key(name);
    const writer = randomBytes(12).toString("hex");
    try {
      const connection = await this.#connection();
      await this.#conditionalPut(); // T1
      for (let trial = 1; trial <= TRIALS; trial += 1) {
        const outcome = await upload(source, {
          connection,
          bucket: this.#address.bucket,
          key,
          name,
          sha256: announcedHash(source, expected),
          writer,
          checksOnComplete: this.#checksOnComplete,
        });
        if (outcome.kind !== "conflict") return outcome;
        if ("pieces" in source) break; // They are gone.
        await pauseBeforeTrial(trial);
      }
      throw new StoreFault("unavailable", `${name} is being made or deleted by others all the time`);
    } catch (error) {
      throw s3FaultOf(error, `${name} could not be stored`);
    }
  }

  createNamed(file: string, nameOf: NameOf, { hashed }: NamedOptions = {}): Promise<NamedOutcome> {
    return createHashed(this, file, nameOf, hashed);
  }

  async get(name: string, from = 0): Promise<Readable | null> {
    const key = this.#key(name);
    try {
      return await resumingRead(name, from, (at) => this.#open(key, at));
    } catch (error) {
      throw s3FaultOf(error, `${name} could not be read`);
    }
  }

  copyTo(name: string, file: string): Promise<Content | null> {
    return readTo(this, name, file);
  }

  async stat(name: string): Promise<StoredEntry | null> {
    const Key = this.#key(name);
    try {
      const { client, sdk } = await this.#connection();
      const head = await client.send(new sdk.HeadObjectCommand({ Bucket: this.#address.bucket, Key }));
      return { name, bytes: head.ContentLength ?? 0 };
    } catch (error) {
      if (refusalOf(error)?.status === 404) return null;
      throw s3FaultOf(error, `${name} could not be looked at`);
    }
  }

  async *list(prefix: string): AsyncIterable<string> {
    const { bucket: Bucket, prefix: own } = this.#address;
    const Prefix = `${own}${checkPrefix(prefix)}`;
    let ContinuationToken: string | undefined;
    do {
      const page = await this.#page({
        Bucket,
        Prefix,
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      });
      // Others may have put something beside it, and our own probe is there too: neither has a name in a store.
      for (const { Key } of page.Contents ?? []) {
        const name = (Key ?? "").slice(own.length);
        if (isName(name)) yield name;
      }
      // Some servers have an empty token on the last page, which would begin the list anew.
      ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }

  async delete(name: string): Promise<void> {
    const Key = this.#key(name);
    try {
      const { client, sdk } = await this.#connection();
      await client.send(new sdk.DeleteObjectCommand({ Bucket: this.#address.bucket, Key }));
    } catch (error) {
      if (refusalOf(error)?.code === "NoSuchKey") return; // Amazon says nothing then; others do.
      throw s3FaultOf(error, `${name} could not be deleted`);
    }
  }

  /** T3 */
  async sweep(): Promise<number> {
    const { bucket, prefix } = this.#address;
    try {
      return await sweepUploads(await this.#connection(), bucket, prefix);
    } catch (error) {
      throw s3FaultOf(error, "the remains of killed writers could not be removed");
    }
  }

  #key(name: string): string {
    return `${this.#address.prefix}${checkName(name)}`;
  }

  async #page(input: { Bucket: string; Prefix: string; ContinuationToken?: string }) {
    try {
      const { client, sdk } = await this.#connection();
      return await client.send(new sdk.ListObjectsV2Command(input));
    } catch (error) {
      throw s3FaultOf(error, `what begins with "${input.Prefix}" could not be listed`);
    }
  }

  async #open(Key: string, from: number): Promise<Readable | null> {
    const { client, sdk } = await this.#connection();
    const Range = from === 0 ? {} : { Range: `bytes=${from}-` };
    try {
      const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: this.#address.bucket, Key, ...Range }));
      if (Body instanceof Readable) return Body;
      throw new StoreFault("unavailable", `${Key} came without content`);
    } catch (error) {
      if (refusalOf(error)?.code === "NoSuchKey") return null;
      if (refusalOf(error)?.status === 416) return Readable.from([]); // It ends before `from`.
      throw error;
    }
  }
}

/** Does `work` once; after a failure it is done again by whoever asks next. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | null = null;
  return () => {
    done ??= work().catch((error: unknown) => {
      done = null;
      throw error;
    });
    return done;
  };
}
