/** The newer version of `versioned`: it takes another field. */
import { defineOnline, z } from "../../dist/src/index.js";

export const versioned = defineOnline({
  name: "versioned",
  input: z.strictObject({ old: z.string().optional(), added: z.number().optional() }),
  idempotent: true,
  run: () => ({ version: 2, pid: process.pid }),
});
