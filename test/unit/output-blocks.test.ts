import { expect, test } from "vitest";
import { programSchema } from "../../src/tasks/program/definition.ts";
import { OutputBlocks } from "../../workers/program/output-blocks.ts";

const watch = (fields: object): OutputBlocks =>
  new OutputBlocks(programSchema.parse({ name: "sim", start: ["sim"], ...fields }));
const piece = (bytes: number, end = "x"): Uint8Array => Buffer.from("x".repeat(bytes - 1) + end);
const TOLD = { checkpoint: { written: { text: "^written" } }, progress: { text: "step (\\d+)" } };

test("output that comes in blocks is spoken of once, with the fields that see its lines late (OB1)", () => {
  const blocks = watch(TOLD);
  expect(blocks.look(piece(4_096))).toBeNull();
  expect(blocks.look(piece(8_192))).toMatch(/comes in blocks.*`checkpoint.written.text`, `progress.text` may see/);
  expect(blocks.look(piece(4_096))).toBeNull();
});

test.each([
  ["ends with a line, as one that is flushed does", TOLD, 4_096, "\n"],
  ["is no block", TOLD, 4_000, "x"],
  ["is as much as is read at once (OB2)", TOLD, 65_536, "x"],
  ["tells nothing of the moment", { complete: { text: [{ matches: "done" }] } }, 4_096, "x"],
])("of output that %s nothing is said", (_, fields, bytes, end) => {
  const blocks = watch(fields);
  expect([1, 2, 3].map(() => blocks.look(piece(bytes, end)))).toEqual([null, null, null]);
});
