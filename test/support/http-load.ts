/**
 * A closed-loop HTTP client that costs little, so that the server is what is measured: one request ready made, one
 * connection for each in flight, answers cut by Content-Length.
 */
import { connect, type Socket } from "node:net";

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers with another status than 200. */
  readonly failed: number;
  /** Sorted, ms. */
  readonly latenciesMs: Float64Array;
}

export interface LoadOptions {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  readonly inFlight: number;
  readonly seconds: number;
}

/** Keeps `inFlight` requests under way for `seconds`. */
export async function closedLoop(options: LoadOptions): Promise<LoadResult> {
  const { port, path, body, inFlight, seconds } = options;
  const request = Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const latencies: number[] = [];
  let failed = 0;
  const begin = performance.now();
  const end = begin + seconds * 1_000;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      await new Promise<void>((resolve, reject) => {
        let sentAt = 0;
        const send = (): void => {
          sentAt = performance.now();
          socket.write(request);
        };
        onAnswers(socket, (status) => {
          const now = performance.now();
          latencies.push(now - sentAt);
          if (status !== "200") failed += 1;
          if (now < end) send();
          else socket.end(resolve);
        });
        socket.once("connect", send).once("error", reject);
      });
    }),
  );
  const elapsed = (performance.now() - begin) / 1_000;
  return { requests: latencies.length, seconds: elapsed, failed, latenciesMs: Float64Array.from(latencies).sort() };
}

/** The value below which the share `q` of sorted values lies. */
export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

function onAnswers(socket: Socket, answered: (status: string) => void): void {
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const head = rest.indexOf("\r\n\r\n");
    if (head < 0) return;
    const text = rest.toString("latin1", 0, head);
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (rest.length < head + 4 + length) return;
    rest = rest.subarray(head + 4 + length);
    answered(text.slice(9, 12));
  });
}
