/** Numbers that a program needs when it resumes: from the name of its checkpoint, and what remains of the whole. */
import { mkdtemp, mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineProgram, z } from "../../src/index.ts";
import { expand, type StartKind } from "../../src/tasks/program/expand.ts";
import { newest } from "../../workers/program/folder-look.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-remaining-"));
  await mkdir(join(folder, "1.5"));
  for (const [at, name] of ["ckpt-000090.dat", "ckpt-000120.dat", "1.5/state", "a.b", "x.9"].entries()) {
    await writeFile(join(folder, name), "");
    await utimes(join(folder, name), at + 1, at + 1);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const put = (text: string, total: number | null, startKind: StartKind = "resume"): string =>
  expand(text, { input: {}, words: {}, newest: (glob) => newest(folder, glob), total, startKind }, "resume[1]");

test("the part of a name between < and > is what the newest file has there", () => {
  expect(put("--from=${newest:ckpt-<*>.dat}", null)).toBe("--from=000120");
  expect(put("${newest:<*>/state} ${newest:ckpt-<[0-9]*>.{dat,old}} ${newest:<?>.b}", null)).toBe("1.5 000120 a");
  expect(put("${newest:rst-<*>.dat|0}", null)).toBe("0");
  expect(() => put("${newest:rst-<*>.dat}", null)).toThrow("resume[1]: no file matches rst-<*>.dat");
});

test("what remains is the total less that number, all of it at a first start, and never less than nothing", () => {
  expect(put("nstep = ${remaining:ckpt-<*>.dat}", 1_000)).toBe("nstep = 880");
  expect(put("${remaining:<*>/state}", 1.8)).toBe("0.3");
  expect(put("${remaining:ckpt-<*>.dat}", 100)).toBe("0");
  expect(put("${remaining:rst-<*>.dat}", 1_000, "start")).toBe("1000");
});

test("where it cannot be told nothing is started", () => {
  expect(() => put("${remaining:rst-<*>.dat}", 1_000)).toThrow("no file matches rst-<*>.dat, so it cannot be told how");
  expect(() => put("${remaining:a.<*>}", 1_000)).toThrow('"b", which a.<*> finds, is no number');
});

test.each([
  [
    { resume: ["sim", "${remaining:ckpt-*.dat}"] },
    "resume[1]: ${remaining:ckpt-*.dat}: one part of the name stands between",
  ],
  [{ resume: ["sim", "${newest:ckpt-<>.dat}"] }, "one part of the name stands between < and >, like ckpt-<*>.dat"],
  [{ resume: ["sim", "${newest:<a>-<*>.dat}"] }, "one part of the name stands between < and >"],
  [
    { resume: ["sim", "${remaining:ckpt-<*>.dat}"], progress: { text: "(\\d+)" } },
    "of how many? Say it in `progress.total`",
  ],
  [{ complete: { files: ["${remaining:ckpt-<*>.dat}"] } }, "remaining:… stands in start, resume, files and env alone"],
])("a definition that cannot tell it is refused: %#", (more, expected) => {
  const program = { name: "sim", input: z.strictObject({}), start: ["sim"], checkpoint: {}, ...more };
  expect(() => defineProgram(program)).toThrow(expected);
});
