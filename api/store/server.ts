/**
 * The HTTP server of `cairn store`: who may ask, what for, and how long.
 *
 * S1 With a token nothing but the probes is answered without it. Without one it listens on loopback only, and pages in
 *    a browser on this machine are refused: they send headers that programs do not.
 * S2 A connection on which nothing moves for two minutes is closed; a request may take as long as its content does.
 * S3 A client whose body is refused hears why before its connection ends.
 * S4 Stopping lets what is under way end, for a bounded time.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { storeProtocol, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Service } from "../../src/runtime/service.ts";
import { ObjectRequests } from "./objects.ts";
import { Refusal, refusalOf, writeProblem } from "./problem.ts";

const { OBJECTS, SWEEP, VERSION, VERSION_HEADER } = storeProtocol;
const SILENT_MS = 120_000;
const LINGER_MS = 1_000;
const LOOK_MS = 20;
const MOST_CONNECTIONS = 2_000;

export interface StoreServerOptions {
  readonly store: CheckpointStore;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly token: string | null;
  /** S4, ms. */
  readonly drainMs: number;
  readonly logger: Logger;
}

export class StoreServer implements Service {
  readonly name = "store server";
  readonly #options: StoreServerOptions;
  readonly #objects: ObjectRequests;
  readonly #server: Server;
  readonly #token: Buffer | null;
  #leaving = false;

  /** @throws TypeError when everybody in the network could write (S1) */
  constructor(options: StoreServerOptions) {
    if (options.token === null && !isLoopback(options.host)) {
      throw new TypeError(`to listen on ${options.host}, set CAIRN_STORE_TOKEN: anybody who can reach it could write`);
    }
    this.#options = options;
    this.#objects = new ObjectRequests(options.store);
    this.#token = options.token === null ? null : hashOf(options.token);
    const serve = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server = createServer({ headersTimeout: 15_000, requestTimeout: 0, keepAliveTimeout: 75_000 }, serve);
    this.#server.on("checkContinue", serve);
    this.#server.timeout = SILENT_MS; // S2
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** Where it listens; "" before `start`. */
  get url(): string {
    const address = this.#server.address() as AddressInfo | null;
    if (address === null) return "";
    return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
  }

  async start(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  /** S4 */
  async stop(): Promise<void> {
    if (this.#leaving || !this.#server.listening) return;
    this.#leaving = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    // Who is served keeps the connection for the next request: it has to be taken away when it is idle again.
    const idle = setInterval(() => this.#server.closeIdleConnections(), LOOK_MS);
    const patience = setTimeout(() => this.#server.closeAllConnections(), this.#options.drainMs);
    await closed;
    clearInterval(idle);
    clearTimeout(patience);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on("error", () => undefined); // Its reader is told by the end of the stream.
    response.setHeader(VERSION_HEADER, VERSION);
    response.setHeader("Cache-Control", "no-store");
    response.setHeader("X-Content-Type-Options", "nosniff");
    if (this.#leaving) response.setHeader("Connection", "close");
    try {
      await this.#answer(request, response);
    } catch (error) {
      this.#tell(request, response, error);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "" } = request;
    const [path = "", query = ""] = (request.url ?? "").split("?", 2);
    if (path === "/livez") response.writeHead(200, { "Content-Type": "text/plain" }).end("ok\n");
    else if (path === "/readyz") await this.#objects.probe(response);
    else await this.#work(this.#authorized(request), response, { method, path, query });
  }

  async #work(
    request: IncomingMessage,
    response: ServerResponse,
    { method, path, query }: { readonly method: string; readonly path: string; readonly query: string },
  ): Promise<void> {
    const objects = this.#objects;
    if (path === SWEEP) {
      if (method !== "POST") throw notAllowed(method, "POST");
      await objects.sweep(response);
    } else if (path === OBJECTS) {
      if (method !== "GET") throw notAllowed(method, "GET");
      await objects.list(new URLSearchParams(query), response);
    } else if (path.startsWith(`${OBJECTS}/`)) {
      const name = path.slice(OBJECTS.length + 1);
      if (method === "PUT") await objects.create(name, request, response);
      else if (method === "GET" || method === "HEAD") await objects.read(name, request, response);
      else if (method === "DELETE") await objects.delete(name, response);
      else throw notAllowed(method, "GET, HEAD, PUT, DELETE");
    } else {
      throw new Refusal("not_found", `${path} is no path of this server`);
    }
  }

  /** S1 */
  #authorized(request: IncomingMessage): IncomingMessage {
    const { headers } = request;
    if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) {
      throw new Refusal("unauthorized", "this is not for pages in a browser");
    }
    if (this.#token === null) return request;
    const shown = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
    if (timingSafeEqual(hashOf(shown), this.#token)) return request;
    throw new Refusal("unauthorized", "the token is missing or wrong: set CAIRN_STORE_TOKEN", {
      "WWW-Authenticate": "Bearer",
    });
  }

  #tell(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const refusal = refusalOf(error);
    const { method, url } = request;
    if (request.socket.destroyed) {
      this.#options.logger.debug({ err: error, method, url }, "client went away");
    } else if (refusal.code === "unavailable" || refusal.code === "full" || refusal.code === "refused") {
      this.#options.logger.warn({ err: error, method, url }, "request not served");
    } else if (refusal.code === "stale_fence") {
      this.#options.logger.info({ method, url, detail: refusal.message }, "stale writer refused");
    }
    if (response.headersSent) {
      response.destroy(); // What was begun cannot be ended well; the client sees that it broke off.
      return;
    }
    if (!request.complete) {
      // S3. Nobody reads the rest of the body, so the connection is of no use behind it.
      response.setHeader("Connection", "close");
      request.resume();
      response.once("finish", () => setTimeout(() => request.socket.destroy(), LINGER_MS).unref());
    }
    writeProblem(response, refusal);
  }
}

function notAllowed(method: string, allowed: string): Refusal {
  return new Refusal("method_not_allowed", `${method} does nothing here`, { Allow: allowed });
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
