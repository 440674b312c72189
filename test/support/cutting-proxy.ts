/** A network between a client and a server that breaks when it is told to: forwards TCP, counts, and cuts. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export class CuttingProxy {
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How many bytes of its answers each of the next connections may bring. */
  #cuts: number[] = [];
  /** Bytes that clients have sent. */
  sent = 0;
  connections = 0;

  constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((client) => this.#join(client));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next connections are cut when that many bytes have come back; 0: instead of the first byte of an answer. */
  cut(...afterBytes: readonly number[]): void {
    this.#cuts.push(...afterBytes);
    // Those that are open already are kept for later requests: the cut would meet none of them.
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket): void {
    this.connections += 1;
    const upstream = connect(Number(this.#target.port), this.#target.hostname);
    let left = this.#cuts.shift() ?? Infinity;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    client.on("data", (piece) => {
      this.sent += piece.length;
      if (!upstream.write(piece)) client.pause();
    });
    upstream.on("drain", () => client.resume());
    upstream.on("data", (piece) => {
      const part = piece.subarray(0, left);
      left -= part.length;
      if (!client.write(part)) upstream.pause();
      if (left <= 0) client.destroySoon();
    });
    client.on("drain", () => upstream.resume());
  }
}
