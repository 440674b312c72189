/** Reads the body of a request, within a limit. */
import type { IncomingMessage } from "node:http";

export type BodyRead =
  | { readonly kind: "read"; readonly bytes: Buffer }
  | { readonly kind: "too_large" }
  /** The client went away in the middle: nobody waits for an answer. */
  | { readonly kind: "gone" };

/** @param limit bytes */
export function readBody(incoming: IncomingMessage, limit: number): Promise<BodyRead> {
  const declared = Number(incoming.headers["content-length"] ?? 0);
  if (declared > limit) return Promise.resolve({ kind: "too_large" });
  if (incoming.destroyed) return Promise.resolve({ kind: "gone" });
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let length = 0;
    let over = false;
    const finish = (result: BodyRead): void => {
      over = true;
      chunks = [];
      resolve(result);
    };
    // The listeners stay: they go with the request, and taking them off costs a small request more than its parsing.
    incoming.on("data", (chunk: Buffer) => {
      if (over) return;
      length += chunk.length;
      if (length > limit) {
        incoming.pause(); // The rest is for `write-answer.ts`.
        finish({ kind: "too_large" });
      } else chunks.push(chunk);
    });
    incoming.on("end", () => {
      if (over) return;
      const [first] = chunks;
      finish({ kind: "read", bytes: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks) });
    });
    const gone = (): void => {
      if (!over) finish({ kind: "gone" });
    };
    incoming.on("close", gone);
    incoming.on("error", gone);
  });
}
