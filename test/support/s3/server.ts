/**
 * An S3 server for tests: the part of the protocol that the S3 store uses, over real sockets, with its content on disk.
 *
 * No S3 server that checks `If-None-Match` can be installed from npm, and Debian's (Ceph) is a whole cluster. So this is
 * one, strict where Amazon or others are: signatures, their age and content hashes are checked, parts have at least
 * 5 MiB and one size, an upload is completed conditionally, a key that is deleted meanwhile is a 409, the last page of a
 * list has an empty token. What it does not know it refuses with 501, `Expect` too.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { Bucket, type Piece, type Refused } from "./bucket.ts";
import { type Fault, FaultPlan, type Operation } from "./faults.ts";
import { type Keys, signatureFault, signedAtMs } from "./signature.ts";

const LEAST_PART = 5_242_880;
/** What is signed earlier or later than this is refused. */
const MOST_SKEW_MS = 900_000;

export interface S3ServerOptions {
  readonly folder: string;
  readonly port?: number;
  /** Items of one page of any list. */
  readonly pageSize?: number;
  /** What overwrites in spite of `If-None-Match`, as servers do that do not know it. */
  readonly overwrites?: readonly Operation[];
  /** How far its clock is ahead of ours. */
  readonly aheadMs?: number;
}

class S3Error extends Error {
  readonly status: number;
  readonly code: string;
  /** @param message null: it has none */
  constructor(status: number, code: string, message: string | null = code) {
    super(message ?? "");
    this.status = status;
    this.code = code;
  }
}

interface Call {
  readonly operation: Operation;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly fault: Fault | null;
}

export class S3Server {
  readonly keys: Keys = { accessKeyId: "test-key", secretAccessKey: "test-secret" };
  readonly faults = new FaultPlan();
  readonly bucket: Bucket;
  /** Every request that was taken up, in order. */
  readonly seen: { readonly operation: Operation; readonly key: string }[] = [];
  /** Reads that are under way. */
  reading = 0;
  readonly #options: S3ServerOptions;
  readonly #server: Server;

  constructor(options: S3ServerOptions) {
    this.#options = options;
    this.bucket = new Bucket(options.folder);
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on("checkContinue", (request, response) => void this.#serve(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(this.#options.port ?? 0, "127.0.0.1", resolve);
    });
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The address of a store in it. */
  url(prefix = ""): string {
    return `s3://test-bucket/${prefix}?endpoint=${this.endpoint}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on("error", () => undefined);
    try {
      const { pathname, searchParams: query } = new URL(request.url!, "http://server");
      const [, bucket, ...rest] = pathname.split("/");
      const key = rest.map(decodeURIComponent).join("/");
      const operation = operationOf(request, key, query);
      response.setHeader("Date", new Date(this.#nowMs).toUTCString());
      const { "content-encoding": encoding, expect } = request.headers;
      if (operation === null || encoding !== undefined || expect !== undefined)
        throw new S3Error(501, "NotImplemented");
      const wrong = signatureFault(request, this.keys);
      if (wrong !== null) throw new S3Error(403, wrong);
      if (Math.abs(signedAtMs(request) - this.#nowMs) > MOST_SKEW_MS) throw new S3Error(403, "RequestTimeTooSkewed");
      if (bucket !== "test-bucket") throw new S3Error(404, "NoSuchBucket");
      this.seen.push({ operation, key });
      const fault = this.faults.take(operation, key);
      if (fault?.kind === "hang") return;
      if (fault?.kind === "cut_before") return void request.socket.destroy();
      if (fault?.kind === "answer") throw new S3Error(fault.status, fault.code, fault.message);
      if (fault?.kind === "answer_late") {
        request.resume();
        answer(response, 200, xml("Error", { Code: fault.code, Message: fault.code }));
        return;
      }
      await this.#carryOut({ operation, key, query, request, response, fault });
    } catch (error) {
      if (!(error instanceof S3Error)) return void request.socket.destroy();
      request.resume();
      answer(response, error.status, request.method === "HEAD" ? "" : xml("Error", wordsOf(error)));
    }
  }

  #carryOut(call: Call): Promise<void> | void {
    switch (call.operation) {
      case "PutObject":
        return this.#put(call);
      case "GetObject":
      case "HeadObject":
        return this.#get(call);
      case "DeleteObject":
        this.bucket.delete(call.key);
        done(call, 204, "");
        return;
      case "ListObjectsV2":
        this.#list(call);
        return;
      case "CreateMultipartUpload":
        this.#createUpload(call);
        return;
      case "UploadPart":
        return this.#putPart(call);
      case "CompleteMultipartUpload":
        return this.#complete(call);
      case "AbortMultipartUpload":
        this.#upload(call);
        this.bucket.uploads.delete(call.query.get("uploadId")!);
        done(call, 204, "");
        return;
      case "ListMultipartUploads":
        this.#listUploads(call);
        return;
      case "ListParts":
        this.#listParts(call);
    }
  }

  async #put(call: Call): Promise<void> {
    const since = this.#condition(call);
    if (since !== null && this.bucket.objects.has(call.key)) throw new S3Error(412, "PreconditionFailed");
    const piece = await this.#receive(call);
    created(this.bucket.put(call.key, [piece], { metadata: metadataOf(call.request), since }));
    done(call, 200, "", { ETag: `"${piece.md5}"` });
  }

  async #get(call: Call): Promise<void> {
    const object = this.bucket.objects.get(call.key);
    if (object === undefined) throw new S3Error(404, "NoSuchKey");
    const bytes = object.pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    const range = /^bytes=(\d+)-$/.exec(call.request.headers.range ?? "");
    const start = Number(range?.[1] ?? 0);
    if (range !== null && start >= bytes) throw new S3Error(416, "InvalidRange");
    const headers = {
      ETag: `"${object.etag}"`,
      "Last-Modified": new Date(object.at).toUTCString(),
      "Content-Length": String(bytes - start),
      ...Object.fromEntries(Object.entries(object.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
      ...(range === null ? {} : { "Content-Range": `bytes ${start}-${bytes - 1}/${bytes}` }),
    };
    if (call.operation === "HeadObject") {
      done(call, 200, "", headers);
      return;
    }
    const end = call.fault?.kind === "cut_half" ? start + Math.ceil((bytes - start) / 2) : bytes;
    call.response.writeHead(range === null ? 200 : 206, headers);
    this.reading += 1;
    await pipeline(this.bucket.read(object, start, end), call.response, { end: end === bytes }).finally(() => {
      this.reading -= 1;
    });
    if (end !== bytes) call.request.socket.destroySoon();
  }

  #list(call: Call): void {
    const prefix = call.query.get("prefix") ?? "";
    const after = Buffer.from(call.query.get("continuation-token") ?? "", "base64").toString();
    const keys = [...this.bucket.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, this.#pageSize);
    const truncated = page.length < keys.length;
    const contents = page.map((Key) => xml("Contents", { Key, Size: 0 })).join("");
    const next = xml("NextContinuationToken", truncated ? Buffer.from(page.at(-1)!).toString("base64") : "");
    done(call, 200, xml("ListBucketResult", `${contents}${next}${xml("IsTruncated", String(truncated))}`));
  }

  #createUpload(call: Call): void {
    const id = randomBytes(12).toString("hex");
    this.bucket.uploads.set(id, {
      key: call.key,
      metadata: metadataOf(call.request),
      at: Date.now(),
      parts: new Map(),
    });
    done(call, 200, xml("InitiateMultipartUploadResult", { Bucket: "test-bucket", Key: call.key, UploadId: id }));
  }

  async #putPart(call: Call): Promise<void> {
    const upload = this.#upload(call);
    const piece = await this.#receive(call);
    upload.parts.set(Number(call.query.get("partNumber")), piece);
    done(call, 200, "", { ETag: `"${piece.md5}"` });
  }

  async #complete(call: Call): Promise<void> {
    const upload = this.#upload(call);
    const since = this.#condition(call);
    const chunks: Buffer[] = [];
    for await (const chunk of call.request) chunks.push(chunk as Buffer);
    const named = [
      ...Buffer.concat(chunks)
        .toString()
        .matchAll(/<Part>(.*?)<\/Part>/gs),
    ].map(([, part]) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part!)?.[1]),
      md5: /<ETag>(?:"|&quot;)?([0-9a-f]+)/.exec(part!)?.[1],
    }));
    const pieces = named.map(({ number, md5 }, at) => {
      const piece = upload.parts.get(number);
      if (piece?.md5 !== md5 || (at > 0 && named[at - 1]!.number >= number)) throw new S3Error(400, "InvalidPart");
      return piece!;
    });
    const [first] = pieces;
    for (const piece of pieces.slice(0, -1)) {
      if (piece.bytes < LEAST_PART) throw new S3Error(400, "EntityTooSmall");
      if (piece.bytes !== first!.bytes) throw new S3Error(400, "InvalidPart");
    }
    created(this.bucket.put(call.key, pieces, { metadata: upload.metadata, since }));
    this.bucket.uploads.delete(call.query.get("uploadId")!);
    done(
      call,
      200,
      xml("CompleteMultipartUploadResult", { Key: call.key, ETag: this.bucket.objects.get(call.key)!.etag }),
    );
  }

  #listUploads(call: Call): void {
    const after = call.query.get("upload-id-marker") ?? "";
    const all = [...this.bucket.uploads].filter(
      ([id, { key }]) => key.startsWith(call.query.get("prefix") ?? "") && id > after,
    );
    const page = all.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, this.#pageSize);
    const entries = page.map(([UploadId, { key, at }]) =>
      xml("Upload", { Key: key, UploadId, Initiated: new Date(at).toISOString() }),
    );
    const [id, last] = page.at(-1) ?? ["", { key: "" }];
    const next = xml("NextKeyMarker", last.key) + xml("NextUploadIdMarker", id);
    const truncated = xml("IsTruncated", String(page.length < all.length));
    done(call, 200, xml("ListMultipartUploadsResult", `${entries.join("")}${next}${truncated}`));
  }

  #listParts(call: Call): void {
    const after = Number(call.query.get("part-number-marker") ?? 0);
    const all = [...this.#upload(call).parts].filter(([number]) => number > after).sort(([a], [b]) => a - b);
    const page = all.slice(0, this.#pageSize);
    const entries = page.map(([PartNumber, { at, md5 }]) =>
      xml("Part", { PartNumber, ETag: md5, LastModified: new Date(at).toISOString() }),
    );
    const next = xml("NextPartNumberMarker", String(page.at(-1)?.[0] ?? 0));
    const truncated = xml("IsTruncated", String(page.length < all.length));
    done(call, 200, xml("ListPartsResult", `${entries.join("")}${next}${truncated}`));
  }

  get #nowMs(): number {
    return Date.now() + (this.#options.aheadMs ?? 0);
  }

  get #pageSize(): number {
    return this.#options.pageSize ?? 1_000;
  }

  #upload(call: Call) {
    const upload = this.bucket.uploads.get(call.query.get("uploadId") ?? "");
    if (upload?.key !== call.key) throw new S3Error(404, "NoSuchUpload");
    return upload;
  }

  /** Null: no condition. */
  #condition(call: Call): number | null {
    const condition = call.request.headers["if-none-match"];
    if (condition === undefined || this.#options.overwrites?.includes(call.operation) === true) return null;
    if (condition !== "*") throw new S3Error(501, "NotImplemented");
    return this.bucket.deletions(call.key);
  }

  async #receive(call: Call): Promise<Piece> {
    const piece = await this.bucket.receive(call.request);
    const announced = call.request.headers["x-amz-content-sha256"];
    if (announced !== piece.sha256) throw new S3Error(400, "XAmzContentSHA256Mismatch");
    return piece;
  }
}

function operationOf(request: IncomingMessage, key: string, query: URLSearchParams): Operation | null {
  const upload = query.has("uploadId");
  const found: Readonly<Record<string, Operation>> =
    key === ""
      ? query.has("uploads")
        ? { GET: "ListMultipartUploads" }
        : { GET: "ListObjectsV2" }
      : upload
        ? { PUT: "UploadPart", POST: "CompleteMultipartUpload", DELETE: "AbortMultipartUpload", GET: "ListParts" }
        : query.has("uploads")
          ? { POST: "CreateMultipartUpload" }
          : { PUT: "PutObject", GET: "GetObject", HEAD: "HeadObject", DELETE: "DeleteObject" };
  return found[request.method ?? ""] ?? null;
}

function metadataOf(request: IncomingMessage): Record<string, string> {
  const found = Object.entries(request.headers).filter(([name]) => name.startsWith("x-amz-meta-"));
  return Object.fromEntries(found.map(([name, value]) => [name.slice("x-amz-meta-".length), String(value)]));
}

function wordsOf({ code, message }: S3Error): Record<string, string> {
  return message === "" ? { Code: code } : { Code: code, Message: message };
}

function created(refused: Refused | null): void {
  if (refused === "exists") throw new S3Error(412, "PreconditionFailed");
  if (refused === "conflict") throw new S3Error(409, "ConditionalRequestConflict");
}

function done(call: Call, status: number, body: string, headers: Record<string, string> = {}): void {
  if (call.fault?.kind === "cut_after") call.request.socket.destroy();
  else answer(call.response, status, body, headers);
}

function answer(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    "x-amz-request-id": "1",
    ...(body === "" ? {} : { "Content-Type": "application/xml" }),
    ...headers,
  });
  response.end(body === "" ? undefined : `<?xml version="1.0" encoding="UTF-8"?>\n${body}`);
}

function xml(name: string, content: string | Readonly<Record<string, string | number>>): string {
  const inner =
    typeof content === "string"
      ? content
      : Object.entries(content)
          .map(([child, value]) => `<${child}>${value}</${child}>`)
          .join("");
  return `<${name}>${inner}</${name}>`;
}
