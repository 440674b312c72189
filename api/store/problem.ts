/** Answers of `cairn store` that are not what was asked for. */
import { STATUS_CODES, type ServerResponse } from "node:http";
import { StoreFault, storeProtocol } from "../../src/checkpoints/checkpoints.ts";

/** Thrown by a request's handling to be told to the client. */
export class Refusal extends Error {
  readonly code: storeProtocol.StoreProblem;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: storeProtocol.StoreProblem, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.code = code;
    this.headers = headers;
  }
}

/** What a client is told about an exception. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof TypeError) return new Refusal("bad_request", error.message); // A name that is none.
  if (!(error instanceof StoreFault)) return new Refusal("unavailable", "something went wrong; it is logged");
  const codes = { full: "full", changed: "content_changed", refused: "refused", unavailable: "unavailable" } as const;
  return new Refusal(codes[error.reason], error.message);
}

export function writeProblem(response: ServerResponse, { code, message, headers }: Refusal): void {
  const status = storeProtocol.STORE_PROBLEMS[code];
  const body = JSON.stringify({ type: "about:blank", title: STATUS_CODES[status], status, code, detail: message });
  response.writeHead(status, {
    "Content-Type": "application/problem+json; charset=utf-8",
    "Content-Length": String(Buffer.byteLength(body)),
    ...headers,
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}
