/** The task of the online bench: it answers with its input, and both are checked, in the API and in the worker. */
import { defineOnline, z } from "../../dist/src/index.js";

const order = z.strictObject({
  id: z.int(),
  kind: z.enum(["order", "refund"]),
  text: z.string().max(1_000),
  at: z.number(),
  flag: z.boolean(),
});

export const orderEcho = defineOnline({
  name: "order",
  input: order,
  output: order,
  idempotent: true,
  run: (input) => input,
});
