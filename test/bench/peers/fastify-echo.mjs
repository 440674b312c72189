/** The ceiling: a fast HTTP server that answers by itself, without a worker behind it. */
import { fastify } from "fastify";
import { ready } from "./peer.mjs";

const app = fastify();
app.post("/", (request, reply) => reply.send(request.body));
await app.listen({ port: 0, host: "127.0.0.1" });
ready(app.server.address());
