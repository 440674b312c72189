/** `sleep`: answers after a while, and now and then not: an online task of known duration and failure rate. */
import { setTimeout as pause } from "node:timers/promises";
import { defineOnline, z } from "../../src/index.ts";

export const sleep = defineOnline({
  name: "sleep",
  description: "Waits for `ms` milliseconds, then answers; a share `failRate` of the calls fails instead.",
  input: z.strictObject({
    ms: z.number().min(0).max(60_000).describe("How long the answer takes, ms"),
    failRate: z.number().min(0).max(1).default(0).describe("Share of the calls that fail"),
  }),
  output: z.strictObject({ sleptMs: z.number() }),
  idempotent: true,
  concurrency: 64,
  run: async ({ ms, failRate }, ctx) => {
    // With the signal: a caller that is gone must not keep a slot for a minute.
    await pause(ms, undefined, { signal: ctx.signal });
    if (Math.random() < failRate) throw new Error(`failed as failRate ${failRate} asks for`);
    return { sleptMs: ms };
  },
});
