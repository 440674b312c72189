/**
 * An HTTP client that costs little, so that the server is what is measured: requests come ready made, connections are
 * kept, answers are cut by Content-Length.
 *
 * H1 A connection carries one request at a time; there are as many as there are requests under way.
 * H2 What breaks is told and not tried again: what the service does not answer the client must not paper over.
 * H3 With several addresses they are used in turn, as a load balancer would.
 */
import { connect, type Socket } from "node:net";

export type Reply =
  | { readonly kind: "answered"; readonly status: number; readonly body: Buffer }
  /** No answer: refused, reset, or closed in the middle. */
  | { readonly kind: "broken"; readonly why: string };

/** A POST of JSON, ready made. */
export function post(path: string, body: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const more = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

export class HttpCaller {
  readonly #ports: readonly number[];
  readonly #idle: Connection[][];
  #turn = 0;

  /** @param ports on the loopback interface (H3) */
  constructor(...ports: readonly number[]) {
    this.#ports = ports;
    this.#idle = ports.map(() => []);
  }

  /** Sends one request; `done` is called once. */
  call(request: Buffer, done: (reply: Reply) => void): void {
    this.#turn += 1;
    const at = this.#turn % this.#ports.length;
    const idle = this.#idle[at] ?? [];
    let connection = idle.pop();
    while (connection?.usable === false) connection = idle.pop();
    connection ??= new Connection(this.#ports[at] ?? 0, (ready) => idle.push(ready));
    connection.send(request, done);
  }

  /** As `call`, as a promise. */
  ask(request: Buffer): Promise<Reply> {
    return new Promise((resolve) => this.call(request, resolve));
  }

  close(): void {
    for (const idle of this.#idle) for (const connection of idle.splice(0)) connection.close();
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #ready: (connection: Connection) => void;
  #done: ((reply: Reply) => void) | null = null;
  #rest: Buffer | null = null;
  usable = true;

  constructor(port: number, ready: (connection: Connection) => void) {
    this.#ready = ready;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#break(error.code ?? error.message));
    socket.on("close", () => this.#break("closed"));
    socket.on("end", () => this.#break("closed"));
    this.#socket = socket;
  }

  send(request: Buffer, done: (reply: Reply) => void): void {
    this.#done = done;
    this.#socket.write(request);
  }

  close(): void {
    this.usable = false;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    const head = bytes.indexOf("\r\n\r\n");
    if (head < 0) {
      this.#rest = bytes;
      return;
    }
    const text = bytes.toString("latin1", 0, head);
    const end = head + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
    if (bytes.length < end) {
      this.#rest = bytes;
      return;
    }
    this.#rest = null;
    const reply: Reply = { kind: "answered", status: Number(text.slice(9, 12)), body: bytes.subarray(head + 4, end) };
    const done = this.#done;
    this.#done = null;
    if (/\r\nconnection: *close/i.test(text)) this.close();
    if (this.usable) this.#ready(this);
    done?.(reply);
  }

  #break(why: string): void {
    this.close();
    const done = this.#done;
    this.#done = null;
    done?.({ kind: "broken", why });
  }
}
