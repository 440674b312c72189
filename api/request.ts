/** A request as handlers see it: what they need of the socket, and no more. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { readTraceparent } from "../src/domain/trace-context.ts";
import { anonymousCaller, readCaller } from "./caller.ts";

export class ApiRequest {
  /** Stands in the answer, in problems and in the log. */
  readonly id: string;
  readonly method: string;
  /** As it came, without the query. */
  readonly path: string;
  /** What follows the `?`, as it came. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly incoming: IncomingMessage;
  /** Decoded parts of the path, by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly #outgoing: ServerResponse;
  #gone: AbortController | null = null;

  constructor(
    id: string,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    params: Readonly<Record<string, string>> = {},
  ) {
    const url = incoming.url ?? "/";
    const mark = url.indexOf("?");
    this.id = id;
    this.method = incoming.method ?? "GET";
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = mark < 0 ? "" : url.slice(mark + 1);
    this.headers = incoming.headers;
    this.incoming = incoming;
    this.params = params;
    this.#outgoing = outgoing;
  }

  /** A header that comes once; of several values Node has made one already. */
  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  /** Aborts when nobody reads the answer any more. Made when first asked for: it costs as much as a small request. */
  get gone(): AbortSignal {
    if (this.#gone === null) {
      const gone = new AbortController();
      this.#gone = gone;
      if (this.#outgoing.destroyed) gone.abort();
      this.#outgoing.once("close", () => {
        if (!this.#outgoing.writableFinished) gone.abort();
      });
    }
    return this.#gone.signal;
  }

  get httpVersion(): string {
    return this.incoming.httpVersion;
  }

  /** Calls `leave` if the client goes before it has its answer: as `gone`, but nearly free. */
  whenGone(leave: () => void): void {
    const outgoing = this.#outgoing;
    // Not `once`, which costs as much again: it closes once.
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) leave();
    });
  }

  /** Whose share this counts on: its `Cairn-Caller` (checked with the head), else where it comes from. */
  get caller(): string {
    const given = this.headers["cairn-caller"];
    const name = typeof given === "string" ? readCaller(given) : null;
    return name ?? anonymousCaller(this.incoming.socket.remoteAddress);
  }

  /** W3C Trace Context of whoever asks; null when there is none that is valid. */
  get traceparent(): string | null {
    return readTraceparent(this.header("traceparent"));
  }

  /** Who asked, for a job's history: the name it gives itself, which nobody proves, and where it came from. */
  get by(): string {
    const address = this.incoming.socket.remoteAddress ?? "unknown";
    const given = this.headers["cairn-caller"];
    const name = typeof given === "string" ? readCaller(given) : null;
    return name === null ? address : `${name} (${address})`;
  }
}
