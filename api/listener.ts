/**
 * The listening socket of an API, in the parent: serving processes come and go, the socket stays.
 *
 * L1 Nothing is read from a connection here; it goes to a serving process as it came.
 * L2 While no process serves, connections wait for one, within bounds; and so does one that was handed to a process
 *    that died before it had it. So a restart or a crash refuses nobody.
 * L3 Many clients that come at once are not sent away by the kernel: whose greeting finds no place waits for a second
 *    before it tries again.
 */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Service } from "../src/runtime/service.ts";

/** L2 */
const MAX_WAITING = 1_024;
const WAIT_MS = 15_000;
/** L3: the kernel takes no more than `net.core.somaxconn`, which is 4096 on Linux; Node's own default is 511. */
const BACKLOG = 4_096;

/** Takes a connection; says later that it never had it. */
export type Taker = (socket: Socket, lost: () => void) => void;

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** The process whose turn it is; null when there is none. */
  readonly next: () => Taker | null;
}

interface Waiting {
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

export class Listener implements Service {
  readonly name = "listener";
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #waiting: Waiting[] = [];

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#deal(socket)); // L1
  }

  /** Where it listens; null before `start`. */
  get address(): AddressInfo | null {
    const address = this.#server.address();
    return typeof address === "object" ? address : null;
  }

  /** @throws Error when the address cannot be listened on */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const { host, port } = this.#options;
      const fail = (cause: Error): void => {
        const what = `cannot listen on ${host}:${port}: ${cause.message}`;
        reject(new Error(`${what}; CAIRN_HOST and CAIRN_PORT choose another address, port 0 any free one`, { cause }));
      };
      this.#server.once("error", fail);
      this.#server.listen({ port, host, backlog: BACKLOG }, () => {
        this.#server.off("error", fail);
        resolve();
      });
    });
  }

  stop(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    for (const { socket, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      socket.destroy();
    }
    return Promise.resolve();
  }

  /** Deals out what waits: is called when a process begins to serve. */
  dealWaiting(): void {
    for (const { socket, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      this.#deal(socket);
    }
  }

  #deal(socket: Socket): void {
    const take = this.#options.next();
    if (take !== null) {
      take(socket, () => this.#deal(socket)); // L2
      return;
    }
    // After `stop` nobody comes any more who could take it.
    if (this.#waiting.length >= MAX_WAITING || !this.#server.listening) {
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => {
      this.#waiting.splice(
        this.#waiting.findIndex((waiting) => waiting.socket === socket),
        1,
      );
      socket.destroy();
    }, WAIT_MS);
    this.#waiting.push({ socket, timer });
  }
}
