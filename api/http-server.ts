/**
 * The HTTP server of one serving process.
 *
 * S1 Connections come from `listen`, or one by one from the process that owns the socket (`accept`).
 * S2 Slow senders are cut off: head within 15 s, the whole request within 2 minutes.
 * S3 An idle connection is kept longer than the usual proxy keeps it (60 s), so that a proxy never sends into a
 *    connection that is just closing.
 * S4 Draining refuses nobody that has a connection: each connection's next answer closes it, idle ones get some time to
 *    bring that request, and what is under way ends, within a bound.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Server as NetServer, type AddressInfo, type Socket } from "node:net";
import type { Clock } from "../src/runtime/clock.ts";
import type { Service } from "../src/runtime/service.ts";
import { answerClientError } from "./client-error.ts";

/** S4: idle connections are closed after this, ms. A client that is busy has brought its next request long before. */
const IDLE_GRACE_MS = 2_000;
const LOOK_MS = 20;

/** S2 and S3, ms. */
export interface Patience {
  readonly headMs: number;
  readonly requestMs: number;
  readonly idleMs: number;
  /** How often it is looked who was too slow. */
  readonly lookMs: number;
}
const PATIENCE: Patience = { headMs: 15_000, requestMs: 120_000, idleMs: 75_000, lookMs: 2_000 };

export interface HttpServerOptions {
  /** Null: connections are handed over (S1). */
  readonly listen: { readonly host: string; readonly port: number } | null;
  readonly clock: Clock;
  /** How long requests under way may take to end when draining, ms. */
  readonly drainMs: number;
  readonly handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  readonly patience?: Patience;
  /** Answers an `Expect` that is not understood. */
  readonly unexpected: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
}

export class HttpServer implements Service {
  readonly name = "http server";
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #serving = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const { headMs, requestMs, idleMs, lookMs } = options.patience ?? PATIENCE;
    this.#server = createServer(
      {
        keepAlive: true,
        noDelay: true,
        // S2, S3
        headersTimeout: headMs,
        requestTimeout: requestMs,
        keepAliveTimeout: idleMs,
        connectionsCheckingInterval: lookMs,
        // Answered as a problem by `site-guard.ts`; Node's own answer has no body.
        requireHostHeader: false,
      },
      options.handle,
    );
    this.#server.on("checkExpectation", options.unexpected);
    this.#server.on("clientError", answerClientError);
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Where it listens; null before `start`, or when connections are handed over. */
  get address(): AddressInfo | null {
    const address = this.#server.address();
    return typeof address === "object" ? address : null;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  async start(): Promise<void> {
    if (this.#serving) return;
    this.#serving = true;
    const { listen } = this.#options;
    if (listen === null) {
      // Node starts to watch over slow senders (S2) when a server listens, which this one never does itself.
      this.#server.emit("listening");
      return;
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(listen.port, listen.host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  /** Takes over a connection that was accepted elsewhere (S1). */
  accept(socket: Socket): void {
    // As Node's own HTTP server sets it for the connections it accepts: a client may half-close and still read.
    socket.allowHalfOpen = true;
    this.#server.emit("connection", socket);
    socket.resume();
  }

  /** S4. Whoever calls it has made sure that answers close their connections from now on. */
  async stop(): Promise<void> {
    if (!this.#serving) return;
    this.#serving = false;
    const { clock, drainMs } = this.#options;
    const begin = clock.monotonicMs();
    // The HTTP server's own `close` would cut idle connections at once, some with a request on its way.
    if (this.#server.listening) NetServer.prototype.close.call(this.#server);
    const passed = (): number => clock.monotonicMs() - begin;
    while (this.#sockets.size > 0 && passed() < Math.min(IDLE_GRACE_MS, drainMs)) await clock.sleep(LOOK_MS);
    while (this.#sockets.size > 0 && passed() < drainMs) {
      this.#server.closeIdleConnections();
      await clock.sleep(LOOK_MS);
    }
    this.#server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close(() => undefined);
  }
}
