/** No queue at all: Express hands each request to one of some plain HTTP workers, in turn. Arguments: their ports. */
import { Pool } from "undici";
import { args, express } from "./peer.mjs";

const pools = args.map((port) => new Pool(`http://127.0.0.1:${port}`, { connections: 64 }));
let turn = 0;

await express(async (input) => {
  turn += 1;
  const { body } = await pools[turn % pools.length].request({
    path: "/",
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(input),
  });
  return body.json();
});
