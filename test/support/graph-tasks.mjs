/** Batch tasks for tests of graphs and arrays. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineBatch, done, z } from "../../dist/src/index.js";

const checkpoint = { version: 1 };
/** @param {unknown} state @param {string} folder */
const save = (state, folder) => writeFileSync(join(folder, "state.json"), JSON.stringify(state));
/** @param {string} folder */
const load = (folder) => JSON.parse(readFileSync(join(folder, "state.json"), "utf8"));

/** Tells its input and which element it is. */
export const part = defineBatch({
  name: "part",
  input: z.strictObject({ n: z.number() }),
  output: z.strictObject({ n: z.number(), index: z.number().nullable() }),
  checkpoint,
  init: ({ n }) => ({ n }),
  step: ({ n }, ctx) => done({ n, index: ctx.array?.index ?? null }),
  save,
  load,
});

/** Adds up what the jobs it waited for have made. */
export const total = defineBatch({
  name: "total",
  input: z.strictObject({}),
  output: z.strictObject({ sum: z.number(), indexes: z.array(z.number().nullable()) }),
  checkpoint,
  init: () => ({}),
  step: async (_state, ctx) => {
    const parents = await ctx.dependencies();
    const numbers = parents.map(({ output }) => /** @type {{ n: number }} */ (output).n);
    return done({
      sum: numbers.reduce((sum, n) => sum + n, 0),
      indexes: parents.map(({ array }) => array?.index ?? null),
    });
  },
  save,
  load,
});
