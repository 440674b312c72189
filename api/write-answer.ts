/**
 * Writes an answer to the socket.
 *
 * W1 An answer is written once, with a request id and the security headers, whatever it says.
 * W2 A body that was not read is let flow for a bounded while before the connection closes: closed at once, the
 *    client would see a reset instead of the answer.
 * W3 A stream goes as fast as its reader reads, and is left when the reader goes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import type { ApiRequest } from "./request.ts";
import { SECURITY_HEADERS } from "./security-headers.ts";

const PROBLEM_TYPE = "application/problem+json; charset=utf-8";
const COMMON = Object.entries(SECURITY_HEADERS).flat();
const COMMON_NAMES: ReadonlySet<string> = new Set(Object.keys(SECURITY_HEADERS));
/** W2: an unread rest up to this size is read over by Node itself, and the connection stays. */
const SMALL_REST_BYTES = 65_536;
const LINGER_BYTES = 16_777_216;
const LINGER_MS = 2_000;

export interface WriteOptions {
  /** The process is going away: this is the connection's last answer. */
  readonly closing: boolean;
}

/** Resolves when all is handed to the socket, or the client has gone. */
export async function writeAnswer(
  request: ApiRequest,
  outgoing: ServerResponse,
  answer: Answer,
  options: WriteOptions,
): Promise<void> {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const { body } = answer;
  const rest = unreadRest(request.incoming);
  const close = options.closing || rest === "large";
  const headers: string[] = ["X-Request-Id", request.id];
  let ownPolicy = false;
  for (const [name, value] of Object.entries(answer.headers)) {
    headers.push(name, value);
    ownPolicy ||= COMMON_NAMES.has(name);
  }
  if (ownPolicy) headers.push(...COMMON.filter((_, at) => answer.headers[COMMON[at - (at % 2)] ?? ""] === undefined));
  else for (const word of COMMON) headers.push(word);
  if (close) headers.push("Connection", "close");
  if (body.kind === "stream") {
    headers.push("Content-Type", body.mediaType);
    if (body.length !== undefined) headers.push("Content-Length", String(body.length));
    outgoing.writeHead(answer.status, headers);
    if (request.method === "HEAD") outgoing.end();
    else await writeStream(request, outgoing, body.chunks);
    return;
  }
  const text = body.kind === "problem" ? problemText(request, body.problem) : body.kind === "text" ? body.text : "";
  if (body.kind !== "none") headers.push("Content-Type", body.kind === "problem" ? PROBLEM_TYPE : body.mediaType);
  if (answer.status !== 204 && answer.status !== 304) {
    headers.push("Content-Length", String(Buffer.byteLength(text)));
  }
  outgoing.writeHead(answer.status, headers);
  if (rest !== "large") {
    outgoing.end(text);
    return;
  }
  outgoing.write(text);
  await linger(request.incoming); // W2
  outgoing.end();
}

function problemText(request: ApiRequest, problem: object): string {
  return JSON.stringify({ ...problem, instance: request.path, requestId: request.id });
}

/** How much of the request's body nobody has read. */
function unreadRest(incoming: IncomingMessage): "none" | "small" | "large" {
  if (incoming.readableEnded || incoming.complete) return "none";
  const length = incoming.headers["content-length"];
  if (length === undefined) return incoming.headers["transfer-encoding"] === undefined ? "none" : "large";
  return Number(length) <= SMALL_REST_BYTES ? "small" : "large";
}

/** Reads over what still comes, within bounds. */
async function linger(incoming: IncomingMessage): Promise<void> {
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const timer = setTimeout(resolve, LINGER_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LINGER_BYTES) done();
    });
    incoming.once("end", done).once("close", done).once("error", done);
    incoming.resume();
  });
}

/** W3 */
async function writeStream(
  request: ApiRequest,
  outgoing: ServerResponse,
  chunks: AsyncIterable<string | Uint8Array>,
): Promise<void> {
  outgoing.flushHeaders();
  try {
    for await (const chunk of chunks) {
      if (request.gone.aborted) break;
      if (!outgoing.write(chunk)) await drained(outgoing);
    }
    if (unreadRest(request.incoming) === "large") await linger(request.incoming); // W2
    outgoing.end();
  } catch (error) {
    // The status is out already; a cut connection is the only way left to say that this is not the whole.
    outgoing.destroy();
    throw error;
  }
}

async function drained(outgoing: ServerResponse): Promise<void> {
  if (outgoing.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      outgoing.off("drain", done).off("close", done);
      resolve();
    };
    outgoing.once("drain", done).once("close", done);
  });
}
