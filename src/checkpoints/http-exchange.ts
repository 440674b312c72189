/**
 * Requests to a `cairn store`, and their repetition.
 *
 * X1 What got no answer, or the answer that the server cannot just now, is repeated a bounded number of times (B5).
 *    Every request may be repeated: creations carry a key by which the server knows them (H1).
 * X2 A connection on which nothing moves for a minute is given up (B5, H2).
 * X3 A large body is announced first (`Expect: 100-continue`): one that would be refused is not sent.
 */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";
import { pauseBeforeTrial } from "./retry-pause.ts";
import { StoreFault } from "./store.ts";
import { VERSION, VERSION_HEADER } from "./store-protocol.ts";

const TRIALS = 5;
const IDLE_MS = 60_000;
/** Bodies larger than this are announced (X3). */
const ANNOUNCE_FROM = 65_536;
/** A server that does not say "continue" in this time may not know that it should. */
const CONTINUE_MS = 2_000;
const AGAIN: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

export interface StoreRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Path below the base, and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
}

export interface RequestBody {
  readonly bytes: number;
  /** Opens it, anew for every trial. */
  open(): AsyncIterable<Uint8Array>;
  /** Was it read already, and can it not be read again? */
  isSpent(): boolean;
}

export interface HttpExchangeOptions {
  readonly base: URL;
  readonly token: string | null;
  /** X2, ms. */
  readonly idleMs?: number;
}

export class HttpExchange {
  readonly #options: HttpExchangeOptions;
  readonly #agent: HttpAgent;

  constructor(options: HttpExchangeOptions) {
    this.#options = options;
    // An idle connection does not keep the process alive.
    const settings = { keepAlive: true, maxSockets: 16 };
    this.#agent = options.base.protocol === "https:" ? new HttpsAgent(settings) : new HttpAgent(settings);
  }

  /**
   * The answer of the store, whatever its status, once that is not one of those that are repeated (X1).
   * Whoever asks has to read the body or destroy it.
   *
   * @throws the error of the last trial; StoreFault when what answers is no `cairn store`
   */
  async ask(request: StoreRequest): Promise<IncomingMessage> {
    for (let trial = 1; ; trial += 1) {
      let waitMs = 0;
      try {
        const response = await this.#once(request);
        const again = AGAIN.has(response.statusCode ?? 0) && trial < TRIALS && request.body?.isSpent() !== true;
        if (!again) return ofStore(response);
        response.resume();
        waitMs = Number(response.headers["retry-after"] ?? 0) * 1_000;
      } catch (error) {
        if (error instanceof StoreFault || trial === TRIALS || request.body?.isSpent() === true) throw error;
      }
      await pauseBeforeTrial(trial, waitMs);
    }
  }

  #once({ method, path, headers = {}, body }: StoreRequest): Promise<IncomingMessage> {
    const { base, token, idleMs = IDLE_MS } = this.#options;
    const announce = body !== undefined && body.bytes > ANNOUNCE_FROM; // X3
    const send = base.protocol === "https:" ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const outgoing = send({
        agent: this.#agent,
        host: base.hostname.replace(/^\[(.*)\]$/, "$1"),
        port: base.port,
        method,
        path: `${base.pathname.replace(/\/$/, "")}${path}`,
        headers: {
          ...headers,
          ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "Content-Length": String(body.bytes) }),
          ...(announce ? { Expect: "100-continue" } : {}),
        },
      });
      outgoing.on("error", reject);
      outgoing.setTimeout(idleMs, () => {
        outgoing.destroy(new Error(`nothing moved on the connection for ${idleMs} ms`)); // X2
      });
      if (body === undefined) {
        outgoing.on("response", resolve);
        outgoing.end();
        return;
      }
      let sending = false;
      const sendBody = (): void => {
        clearTimeout(impatience);
        if (sending) return;
        sending = true;
        // When the answer came before the end of the body, sending may fail and does not matter any more.
        pipeline(body.open(), outgoing).catch(reject);
      };
      const impatience = setTimeout(sendBody, announce ? CONTINUE_MS : 0);
      outgoing.once("continue", sendBody);
      outgoing.once("close", () => clearTimeout(impatience));
      outgoing.on("response", (response) => {
        clearTimeout(impatience);
        // The server still waits for what was announced: this connection cannot be used for anything else.
        if (!sending) response.once("close", () => outgoing.destroy());
        resolve(response);
      });
    });
  }
}

/** H4 */
function ofStore(response: IncomingMessage): IncomingMessage {
  const version = response.headers[VERSION_HEADER];
  if (version === VERSION) return response;
  response.resume();
  const what = version === undefined ? "no cairn store" : `a cairn store of another version (${String(version)})`;
  throw new StoreFault("unavailable", `what answers is ${what} (HTTP ${response.statusCode ?? 0})`);
}
