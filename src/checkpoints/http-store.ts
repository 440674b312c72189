/**
 * A checkpoint store behind a `cairn store` process: the client's side of `store-protocol.ts`.
 *
 * What the server does not know about a failed trial is kept apart here: a list goes on behind the last name, a read
 * at the byte where it broke, a creation is asked for again under the same key (H1).
 */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { createHashed, readTo } from "./whole-files.ts";
import { type Content, hashFile } from "./hashing-copy.ts";
import { PIECE } from "./gathered-pieces.ts";
import { faultOfAnswer, faultOfExchange, textOf } from "./http-fault.ts";
import { HttpExchange, type RequestBody, type StoreRequest } from "./http-exchange.ts";
import { checkName, checkPrefix } from "./names.ts";
import { resumingRead } from "./resuming-read.ts";
import { pauseBeforeTrial } from "./retry-pause.ts";
import {
  announcedHash,
  type CheckpointStore,
  contentChanged,
  type CreateOutcome,
  type NamedOptions,
  type NamedOutcome,
  type NameOf,
  type Source,
  type StoredEntry,
  StoreFault,
} from "./store.ts";
import { contentDigest, OBJECTS, SWEEP } from "./store-protocol.ts";

const LIST_TRIALS = 5;

export interface HttpStoreOptions {
  /** Of the server; null: it asks for none. */
  readonly token: string | null;
  /** How long a connection may be silent, ms. */
  readonly idleMs?: number;
}

export class HttpStore implements CheckpointStore {
  readonly url: string;
  readonly #exchange: HttpExchange;

  /** @throws TypeError when `url` is no address of a server, or holds credentials */
  constructor(url: string, options: HttpStoreOptions) {
    const base = URL.canParse(url) ? new URL(url) : null;
    if (base === null || `${base.username}${base.password}${base.search}${base.hash}` !== "") {
      // The URL is not in the message: it may hold what nobody should see.
      throw new TypeError("the address of a cairn store is http://host:port; its token goes into CAIRN_STORE_TOKEN");
    }
    this.url = url;
    this.#exchange = new HttpExchange({ base, ...options });
  }

  async create(name: string, source: Source, expected?: { readonly sha256: string }): Promise<CreateOutcome> {
    const path = pathOf(name);
    const what = `${name} could not be stored`;
    const { bytes, sha256 } = await contentOf(source, announcedHash(source, expected)).catch((error: unknown) => {
      throw faultOfExchange(error, what);
    });
    const headers = {
      "Content-Type": "application/octet-stream",
      "Content-Digest": contentDigest(sha256),
      "If-None-Match": "*",
      "Idempotency-Key": randomBytes(12).toString("hex"), // H1
    };
    const response = await this.#ask({ method: "PUT", path, headers, body: bodyOf(name, source, bytes) }, what);
    switch (response.statusCode) {
      case 201:
        response.resume();
        return { kind: "created", bytes, sha256 };
      case 412:
        response.resume();
        return { kind: "exists" };
      case 422:
        response.resume();
        throw contentChanged(name); // B4
      default:
        throw await faultOfAnswer(response, what);
    }
  }

  createNamed(file: string, nameOf: NameOf, { hashed }: NamedOptions = {}): Promise<NamedOutcome> {
    return createHashed(this, file, nameOf, hashed);
  }

  async get(name: string, from = 0): Promise<Readable | null> {
    const path = pathOf(name);
    const what = `${name} could not be read`;
    return await resumingRead(name, from, async (at) => {
      const headers = at === 0 ? {} : { Range: `bytes=${at}-` };
      const response = await this.#ask({ method: "GET", path, headers }, what);
      if (response.statusCode === (at === 0 ? 200 : 206)) return response;
      if (response.statusCode !== 404 && response.statusCode !== 416) throw await faultOfAnswer(response, what);
      response.resume();
      return response.statusCode === 404 ? null : Readable.from([]); // It ends before `at`.
    });
  }

  copyTo(name: string, file: string): Promise<Content | null> {
    return readTo(this, name, file);
  }

  async stat(name: string): Promise<StoredEntry | null> {
    const what = `${name} could not be looked at`;
    const response = await this.#ask({ method: "HEAD", path: pathOf(name) }, what);
    response.resume();
    if (response.statusCode === 200) return { name, bytes: Number(response.headers["content-length"]) };
    if (response.statusCode === 404) return null;
    throw await faultOfAnswer(response, what);
  }

  async *list(prefix: string): AsyncIterable<string> {
    checkPrefix(prefix);
    const what = `what begins with "${prefix}" could not be listed`;
    let after = "";
    for (let trial = 1; ; trial += 1) {
      const query = new URLSearchParams({ prefix, after });
      const response = await this.#ask({ method: "GET", path: `${OBJECTS}?${query.toString()}` }, what);
      if (response.statusCode !== 200) throw await faultOfAnswer(response, what);
      for await (const name of namesIn(response)) {
        if (name === null) return;
        after = name;
        trial = 1; // It moves.
        yield name;
      }
      // It broke off (H3).
      if (trial === LIST_TRIALS) throw new StoreFault("unavailable", `${what}: the list breaks off behind "${after}"`);
      await pauseBeforeTrial(trial);
    }
  }

  async delete(name: string): Promise<void> {
    const what = `${name} could not be deleted`;
    const response = await this.#ask({ method: "DELETE", path: pathOf(name) }, what);
    if (response.statusCode !== 204) throw await faultOfAnswer(response, what);
    response.resume();
  }

  async sweep(): Promise<number> {
    const what = "the remains of killed writers could not be removed";
    const response = await this.#ask({ method: "POST", path: SWEEP }, what);
    if (response.statusCode !== 200) throw await faultOfAnswer(response, what);
    return (JSON.parse(await textOf(response)) as { readonly swept: number }).swept;
  }

  async #ask(request: StoreRequest, what: string): Promise<IncomingMessage> {
    try {
      return await this.#exchange.ask(request);
    } catch (error) {
      throw faultOfExchange(error, what);
    }
  }
}

/** Names are made of characters that mean nothing in a URL (A1). */
function pathOf(name: string): string {
  return `${OBJECTS}/${checkName(name)}`;
}

/** What will be sent. The server is told beforehand, so it is hashed here if nobody has done it yet. */
async function contentOf(source: Source, announced: string | null): Promise<Content> {
  if (source instanceof Uint8Array) {
    return { bytes: source.length, sha256: announced ?? createHash("sha256").update(source).digest("hex") };
  }
  if ("pieces" in source) return { bytes: source.bytes, sha256: announced ?? source.sha256 };
  if (announced === null) return await hashFile(source.file);
  return { bytes: (await stat(source.file)).size, sha256: announced };
}

function bodyOf(name: string, source: Source, bytes: number): RequestBody {
  let begun = false;
  return {
    bytes,
    open: () => {
      begun = true;
      return exactly(name, bytes, piecesOf(source));
    },
    isSpent: () => begun && "pieces" in source,
  };
}

async function* piecesOf(source: Source): AsyncIterable<Uint8Array> {
  if (source instanceof Uint8Array) {
    for (let at = 0; at < source.length; at += PIECE) yield source.subarray(at, at + PIECE);
  } else if ("file" in source) {
    for await (const piece of createReadStream(source.file, { highWaterMark: PIECE })) yield piece as Buffer;
  } else {
    yield* source.pieces;
  }
}

/** A source that has not as many bytes as were announced has changed. */
async function* exactly(name: string, bytes: number, pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let left = bytes;
  for await (const piece of pieces) {
    left -= piece.length;
    if (left < 0) throw contentChanged(name);
    yield piece;
  }
  if (left > 0) throw contentChanged(name);
}

/** The names of a list, and null behind the last; it ends without null when it broke off (H3). */
async function* namesIn(response: IncomingMessage): AsyncIterable<string | null> {
  let rest = "";
  try {
    response.setEncoding("utf8");
    for await (const piece of response) {
      const lines = `${rest}${piece as string}`.split("\n");
      rest = lines.pop() ?? ""; // Not whole yet.
      for (const line of lines) yield JSON.parse(line) as string | null;
    }
  } catch {
    // The connection broke.
  } finally {
    response.destroy();
  }
}
