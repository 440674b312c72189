/** Files that a program writes to through its memory: their content tells what their times do not. */
import { copyFile, mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MappedContent, torn } from "../../workers/program/mapped-content.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-mapped-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** As a write through a mapping does: no time changes. */
async function put(text: string): Promise<void> {
  await writeFile(join(folder, "state.bin"), text);
  await utimes(join(folder, "state.bin"), 1, 1);
}

test("they hold still when their content is what it was a rest before, in the program's own time (MC1)", async () => {
  const mapped = new MappedContent({ folder, nowMs: () => 0 });
  const isStill = (usableMs: number): Promise<boolean> => mapped.isStill(["state.bin"], usableMs, 100);
  await put("one");
  expect(await isStill(0)).toBe(false); // It is the first time.
  expect(await isStill(99)).toBe(false); // The program could have used no more.
  await put("two");
  expect(await isStill(150)).toBe(false);
  expect(await isStill(250)).toBe(true);
  expect(mapped.remark()).toBeNull();
});

test("of a program that writes all the time it is said, once, what it needs", async () => {
  const mapped = new MappedContent({ folder, nowMs: () => 0 });
  const remarks: string[] = [];
  for (let n = 0; n < 20; n += 1) {
    await put(`${n}`);
    expect(await mapped.isStill(["state.bin"], n * 200, 100)).toBe(false);
    remarks.push(...(mapped.remark()?.split("\n") ?? []));
  }
  expect(remarks).toEqual([expect.stringMatching(/^the program writes to state\.bin .* all the time, .*trigger/)]);
});

test("they are not read all the time, however large they are (MC3)", async () => {
  let now = 0;
  const mapped = new MappedContent({ folder, nowMs: () => (now += 500) }); // Each reading takes half a second.
  await put("one");
  expect(await mapped.isStill(["state.bin"], 0, 100)).toBe(false);
  await put("two");
  expect(await mapped.isStill(["state.bin"], 1_000, 100)).toBe(false); // Not read: that it has changed is not seen.
  await put("one");
  now += 10_000;
  expect(await mapped.isStill(["state.bin"], 2_000, 100)).toBe(true);
});

test("a copy is torn when the file has another content after it was copied (MC2)", async () => {
  const copies = join(folder, "copies");
  await mkdir(copies);
  await put("one");
  await copyFile(join(folder, "state.bin"), join(copies, "state.bin"));
  expect(await torn(folder, copies, ["state.bin"])).toBeNull();
  await put("two");
  expect(await torn(folder, copies, ["state.bin"])).toBe("state.bin");
});
