/** A batch task for tests: `count`, at a pace that the test decides (`steady-job.ts`). */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { defineBatch, done, more, z } from "../../dist/src/index.js";

export const steady = defineBatch({
  name: "steady",
  input: z.strictObject({ steps: z.int(), stepMs: z.number(), hurry: z.string() }),
  output: z.strictObject({ steps: z.int(), digest: z.string() }),
  checkpoint: { version: 1 },
  init: (input) => ({ input, step: 0, digest: "" }),
  step: async (state, ctx) => {
    const { steps, stepMs, hurry } = state.input;
    if (!existsSync(hurry)) await pause(stepMs);
    state.step += 1;
    state.digest = createHash("sha256").update(`${state.digest}:${state.step}`).digest("hex");
    ctx.progress(state.step, steps, "steps");
    return state.step < steps ? more : done({ steps, digest: state.digest });
  },
  save: ({ step, digest }, folder) => writeFileSync(join(folder, "state.json"), JSON.stringify({ step, digest })),
  load: (folder, input) => ({ input, ...JSON.parse(readFileSync(join(folder, "state.json"), "utf8")) }),
});
