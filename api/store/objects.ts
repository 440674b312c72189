/**
 * What `cairn store` does for each request on objects.
 *
 * O1 A creation is refused before its body is asked for, where that is known: the fence is stale, the name exists.
 * O2 Content passes through in pieces (B3). It counts when all of it came and hashes to what was announced (B4).
 * O3 While a creation is at work its client hears of us (H2).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { storeProtocol, type AnnouncedPieces, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import { Creations } from "./creations.ts";
import { FenceDoor } from "./fence-door.ts";
import { Refusal } from "./problem.ts";

const PROCESSING_MS = 10_000;
/** Creations at the same time. With S3 behind, each has some 24 MiB of buffers. */
const MOST_CREATIONS = 64;

export class ObjectRequests {
  readonly #store: CheckpointStore;
  readonly #door: FenceDoor;
  readonly #creations = new Creations();
  #creating = 0;

  constructor(store: CheckpointStore) {
    this.#store = store;
    this.#door = new FenceDoor(store);
  }

  async create(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const announced = announcementOf(request);
    const key = request.headers["idempotency-key"]?.toString() ?? null;
    const admission = await this.#door.admit(name);
    if (admission.kind === "stale") throw new Refusal("stale_fence", admission.detail);
    if (this.#creating >= MOST_CREATIONS) {
      throw new Refusal("unavailable", `${MOST_CREATIONS} creations are at work already`, { "Retry-After": "1" });
    }
    if (request.headers.expect !== undefined && !this.#creations.knows(name, key)) {
      if ((await this.#store.stat(name)) !== null) throw new Refusal("exists", `${name} exists`); // O1
      response.writeContinue();
    }
    this.#creating += 1;
    const processing = setInterval(() => response.writeProcessing(), PROCESSING_MS); // O3
    try {
      const outcome = await this.#creations.once(name, key, () => this.#store.create(name, announced));
      if (outcome.kind === "exists") throw new Refusal("exists", `${name} exists`);
      clearInterval(processing);
      answerJson(response, 201, { bytes: outcome.bytes, sha256: outcome.sha256 });
    } finally {
      clearInterval(processing);
      this.#creating -= 1;
    }
  }

  async read(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry = await this.#store.stat(name);
    if (entry === null) throw new Refusal("not_found", `there is no ${name}`);
    const { bytes } = entry;
    const range = rangeOf(request.headers.range, bytes);
    const { from, to } = range ?? { from: 0, to: bytes };
    const headers = {
      "Content-Type": "application/octet-stream",
      "Content-Length": String(to - from),
      "Accept-Ranges": "bytes",
      ...(range === null ? {} : { "Content-Range": `bytes ${from}-${to - 1}/${bytes}` }),
    };
    if (request.method === "HEAD") {
      response.writeHead(200, headers).end();
      return;
    }
    const content = await this.#store.get(name, from);
    if (content === null) throw new Refusal("not_found", `there is no ${name}`); // It was deleted just now.
    response.strictContentLength = true;
    response.writeHead(range === null ? 200 : 206, headers);
    // Where a disk holds less than it said, or the store breaks off, the connection is cut: no reader takes it for whole.
    await pipeline(to === bytes ? content : firstOf(content, to - from), response);
  }

  async delete(name: string, response: ServerResponse): Promise<void> {
    await this.#store.delete(name);
    response.writeHead(204).end();
  }

  async list(query: URLSearchParams, response: ServerResponse): Promise<void> {
    const lines = linesOf(this.#store.list(query.get("prefix") ?? ""), query.get("after") ?? "");
    // The first is asked for before the answer begins, so that a fault can still be told.
    const first = await lines.next();
    response.writeHead(200, { "Content-Type": storeProtocol.NDJSON });
    await pipeline(async function* () {
      if (first.done !== true) yield first.value;
      yield* lines;
    }, response);
  }

  async sweep(response: ServerResponse): Promise<void> {
    answerJson(response, 200, { swept: await this.#store.sweep() });
  }

  /** Does the store answer? */
  async probe(response: ServerResponse): Promise<void> {
    await this.#store.stat("generation/1");
    answerJson(response, 200, { status: "ok" });
  }
}

function announcementOf(request: IncomingMessage): AnnouncedPieces {
  const { headers } = request;
  if (headers["if-none-match"] !== "*") {
    throw new Refusal("precondition_required", "this store is write-once: send If-None-Match: *");
  }
  const sha256 = storeProtocol.parseContentDigest(headers["content-digest"]?.toString());
  if (sha256 === null) throw new Refusal("bad_request", "send Content-Digest: sha-256=:<base64>: (RFC 9530)");
  if (headers["content-length"] === undefined) throw new Refusal("length_required", "send Content-Length");
  // Not destroyed when the store stops reading: its client is to hear why.
  return { pieces: request.iterator({ destroyOnReturn: false }), bytes: Number(headers["content-length"]), sha256 };
}

/** One range of bytes, `to` excluded; null when the whole is asked for, or what we do not know (RFC 9110, 14.2). */
function rangeOf(header: string | undefined, bytes: number): { readonly from: number; readonly to: number } | null {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (match === null) return null;
  const from = Number(match[1]);
  const to = match[2] === "" ? bytes : Math.min(Number(match[2]) + 1, bytes);
  if (from < to) return { from, to };
  throw new Refusal("range_not_satisfiable", `it has ${bytes} bytes`, { "Content-Range": `bytes */${bytes}` });
}

async function* firstOf(content: Readable, bytes: number): AsyncIterable<Buffer> {
  let left = bytes;
  for await (const piece of content) {
    const part = (piece as Buffer).subarray(0, left);
    left -= part.length;
    yield part;
    if (left === 0) return;
  }
}

async function* linesOf(names: AsyncIterable<string>, after: string): AsyncGenerator<string, void> {
  for await (const name of names) {
    if (name > after) yield `${JSON.stringify(name)}\n`;
  }
  yield "null\n";
}

function answerJson(response: ServerResponse, status: number, value: object): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(body)) });
  response.end(body);
}
