/** A worker of the proxy: node:http that answers with what it got. */
import { createServer } from "node:http";
import { ready } from "./peer.mjs";

const server = createServer((request, response) => {
  /** @type {Buffer[]} */
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const text = JSON.stringify(JSON.parse(Buffer.concat(chunks).toString()));
    response
      .writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) })
      .end(text);
  });
}).listen(0, "127.0.0.1", () => ready(server.address()));
