/**
 * An HTTP server that answers what a test tells it to, in order: for conditions that a whole Cairn cannot be brought
 * into at will (an answer that is lost, a proxy's 502, a stream cut at a given event).
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Writes one answer. The last one of a script answers all that comes after. */
export type Answer = (response: ServerResponse, request: SeenRequest) => void;

export interface ScriptedServer {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  stop(): Promise<void>;
}

export async function startScriptedServer(script: readonly Answer[]): Promise<ScriptedServer> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const entry = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
      const answer = script[Math.min(seen.length, script.length - 1)];
      seen.push(entry);
      answer?.(response, entry);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    seen,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Answers JSON. */
export function json(
  body: unknown,
  options: { readonly status?: number; readonly headers?: Record<string, string> } = {},
): Answer {
  return (response) => {
    response.writeHead(options.status ?? 200, { "content-type": "application/json", ...options.headers });
    response.end(JSON.stringify(body));
  };
}

/** Answers a problem document. */
export function refusal(
  body: { readonly status: number } & Readonly<Record<string, unknown>>,
  headers: Record<string, string> = {},
): Answer {
  return json(body, { status: body.status, headers: { "content-type": "application/problem+json", ...headers } });
}

/** Closes the connection without a word. */
export const hangUp: Answer = (response) => response.socket?.destroy();

/** Sends Server-Sent Events, then ends the answer in order or cuts it. */
export function events(
  list: readonly { readonly id: string; readonly data: unknown }[],
  end: "end" | "cut" | "stay" = "end",
): Answer {
  return (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(list.map(({ id, data }) => `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`).join(""), () => {
      if (end === "end") response.end();
      if (end === "cut") setImmediate(() => response.socket?.destroy());
    });
  };
}
