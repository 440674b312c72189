/** What a program finds in its folder at each start of an attempt. */
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { programSchema } from "../../src/tasks/program/definition.ts";
import { newest } from "../../workers/program/folder-look.ts";
import { InputFolder } from "../../workers/program/input-folder.ts";

let folder: string;
let working: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-starts-"));
  working = join(folder, "working");
  await mkdir(working);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function inputs(
  files: object,
  isOfCheckpoint: (name: string) => boolean = () => false,
  oldestMs: number | null = null,
): InputFolder {
  return new InputFolder({
    files: programSchema.parse({ name: "sim", start: ["sim"], files }).files,
    folder: working,
    here: folder,
    scopeOf: (startKind) => ({ input: {}, words: {}, newest: (glob) => newest(working, glob), startKind, total: null }),
    artifact: () => Promise.reject(new Error("no artifacts here")),
    isOfCheckpoint,
    oldestMs,
  });
}
const read = (name: string): Promise<string> => readFile(join(working, name), "utf8");
const write = (name: string, text: string): Promise<void> => writeFile(join(working, name), text);

describe("at its next start a program finds", () => {
  test("IN2: an input file that speaks of the start made for it, though the checkpoint has the one of another start", async () => {
    const folderOf = inputs({ in: { text: "${start:new|resume:old} ${newest:rst.*|none}" } }, () => true);
    await folderOf.layOut("resume", new Set(["in"]));
    await write("in", "new none"); // As the checkpoint has it.
    await write("rst.7", "");
    await folderOf.renew("resume");
    expect(await read("in")).toBe("old rst.7");
    await rm(join(working, "rst.7"));
    await folderOf.renew("start");
    expect(await read("in")).toBe("new none");
  });

  test("IN3: input files that were changed or removed as they were, and in a folder the others and its own as it left them", async () => {
    await mkdir(join(folder, "case/system"), { recursive: true });
    await writeFile(join(folder, "case/system/control"), "stopAt end");
    await writeFile(join(folder, "case/mesh"), "mesh");
    const folderOf = inputs({ case: { path: "case" }, mesh: { text: "mesh" } });
    await folderOf.layOut("start", new Set());
    expect(await folderOf.renew("start")).toBe(0);
    await write("case/system/control", "stopAt now");
    await write("case/100", "result");
    await rm(join(working, "mesh"));
    await writeFile(join(folder, "case/mesh"), "another");
    expect(await folderOf.renew("resume")).toBe(2);
    expect([await read("case/system/control"), await read("mesh")]).toEqual(["stopAt end", "mesh"]);
    expect([await read("case/mesh"), await read("case/100")]).toEqual(["mesh", "result"]);
    expect(await folderOf.renew("resume")).toBe(0);
  });

  test("IN4: input files no younger than the oldest file of the checkpoint, or make would make all of it again", async () => {
    const oldest = Date.UTC(2020, 1, 1) + 0.5;
    await mkdir(join(folder, "case"));
    await writeFile(join(folder, "case/mesh"), "mesh");
    const folderOf = inputs({ case: { path: "case" }, Makefile: { text: "all: part" } }, () => false, oldest);
    await folderOf.layOut("resume", new Set());
    await utimes(join(working, "Makefile"), 1e9, 1e9);
    await write("Makefile", "changed");
    expect(await folderOf.renew("resume")).toBe(1);
    for (const name of ["case/mesh", "Makefile"]) expect((await stat(join(working, name))).mtimeMs).toBe(oldest - 0.5);
    expect(await folderOf.renew("resume")).toBe(0);
  });

  test("IN1: what the checkpoint has taken over as it left it", async () => {
    const folderOf = inputs({ "state.db": { text: "empty" } }, (name) => name === "state.db");
    await folderOf.layOut("start", new Set());
    await write("state.db", "half-way");
    expect(await folderOf.renew("resume")).toBe(0);
    expect(await read("state.db")).toBe("half-way");
  });
});
