/** `echo`: answers with its input. The smallest online task: what it costs is what Cairn costs. */
import { defineOnline, z } from "../../src/index.ts";

export const echo = defineOnline({
  name: "echo",
  description: "Answers with its input, any JSON value.",
  // Not z.json(): its schema is recursive, and checking it would cost more than the rest of the request.
  input: z.unknown(),
  idempotent: true,
  run: (input) => input,
});
