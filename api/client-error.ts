/** Answers on a socket whose request the HTTP parser could not read: there is no response object then. */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { problem, type Problem } from "../src/contract/problem.ts";
import { SECURITY_HEADERS } from "./security-headers.ts";

/** Writes the problem of a parser's or timer's `error` and closes the connection. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const found = problemOf(error);
  const body = JSON.stringify(found);
  const head = [
    `HTTP/1.1 ${found.status} ${STATUS_CODES[found.status] ?? ""}`,
    "Content-Type: application/problem+json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  // Whoever sends nonsense may also never close.
  setTimeout(() => socket.destroy(), 1_000).unref();
  socket.resume();
}

function problemOf(error: Error & { readonly code?: string }): Problem {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return problem("headers_too_large", "URL and headers are larger than 16 KiB together");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return problem("request_timeout", "the request was not complete in time");
    default:
      return problem("malformed_http", error.message.replace(/^Parse Error: /, ""));
  }
}
