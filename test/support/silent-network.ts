/**
 * A network that can fall silent: connections stay open, and nothing passes, either way or one way, until it is let
 * through.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** Which words are swallowed: those `to` the server, those `from` it, or both. */
export type Direction = "to" | "from" | "both";

export class SilentNetwork {
  readonly #server: Server;
  /** And where their words go. */
  readonly #sockets = new Map<Socket, "to" | "from">();
  #silent: Direction | null = null;

  private constructor(target: number) {
    this.#server = createServer((client) => this.#join(client, connect(target, "127.0.0.1")));
  }

  /** @param target port on this machine that it leads to */
  static async open(target: number): Promise<SilentNetwork> {
    const network = new SilentNetwork(target);
    network.#server.listen(0, "127.0.0.1");
    await once(network.#server, "listening");
    return network;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on what is sent waits. */
  swallow(direction: Direction = "both"): void {
    this.#silent = direction;
    for (const [socket, where] of this.#sockets) if (this.#isSilent(where)) socket.pause();
  }

  /** What waited goes on its way. */
  pass(): void {
    this.#silent = null;
    for (const socket of this.#sockets.keys()) socket.resume();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await closed;
  }

  #isSilent(where: "to" | "from"): boolean {
    return this.#silent === "both" || this.#silent === where;
  }

  #join(client: Socket, server: Socket): void {
    for (const [from, to, where] of [
      [client, server, "to"],
      [server, client, "from"],
    ] as const) {
      this.#sockets.set(from, where);
      from.on("data", (bytes) => to.write(bytes));
      from.on("error", () => undefined);
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#isSilent(where)) from.pause();
    }
  }
}
