/** A batch task for benches: it works for a known time, and each checkpoint costs it a known time. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { defineBatch, done, more, z } from "../../dist/src/index.js";

export const toil = defineBatch({
  name: "toil",
  input: z.strictObject({
    workMs: z.number().describe("Time that is to be spent in steps, whose result is kept"),
    stepMs: z.number(),
    saveMs: z.number().describe("How long a checkpoint holds the program up"),
    stamp: z.string().nullable().default(null).describe("File that gets the time at which a save begins"),
  }),
  output: z.strictObject({ workedMs: z.number() }),
  checkpoint: { version: 1, minMs: 100 },
  init: (input) => ({ input, workedMs: 0 }),
  step: async (state, ctx) => {
    const begin = performance.now();
    await pause(state.input.stepMs);
    state.workedMs += performance.now() - begin;
    ctx.progress(Math.round(state.workedMs), state.input.workMs, "ms");
    return state.workedMs < state.input.workMs ? more : done({ workedMs: state.workedMs });
  },
  save: async ({ input, workedMs }, folder) => {
    if (input.stamp !== null) writeFileSync(input.stamp, String(Date.now()));
    await pause(input.saveMs);
    writeFileSync(join(folder, "state.json"), JSON.stringify({ workedMs }));
  },
  load: (folder, input, ctx) => {
    const { workedMs } = JSON.parse(readFileSync(join(folder, "state.json"), "utf8"));
    ctx.progress(Math.round(workedMs), input.workMs, "ms");
    return { input, workedMs };
  },
});
