import { linkSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freezeFiles, handedOver, type FileToFreeze } from "../../src/checkpoints/checkpoints.ts";
import { stillFrozen } from "../../src/checkpoints/freeze-files.ts";
import { systemClock } from "../../src/runtime/clock.ts";

describe("freezing the files of a program", () => {
  let root: string;
  let source: string;
  let into: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "cairn-freeze-"));
    source = join(root, "program");
    into = join(root, "frozen");
    await mkdir(join(source, "0.5"), { recursive: true });
    await mkdir(into);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const inPlace = (...names: string[]): FileToFreeze[] => names.map((name) => ({ name, written: "in_place" }));
  const freeze = (files: readonly FileToFreeze[], clock = systemClock) => freezeFiles({ source, files, into, clock });
  const frozenOf = async (files: readonly FileToFreeze[]) => {
    const freezing = await freeze(files);
    if (freezing.kind !== "frozen") throw new Error(freezing.detail);
    return freezing.frozen;
  };

  test("what was frozen stays as it was when the program writes on", async () => {
    await writeFile(join(source, "state"), "one");
    await writeFile(join(source, "0.5/field"), "two");
    const frozen = await frozenOf(inPlace("state", "0.5/field"));
    await writeFile(join(source, "state"), "three");
    expect(frozen.files.map(({ name, bytes }) => [name, bytes])).toEqual([
      ["0.5/field", 3],
      ["state", 3],
    ]);
    expect(await readFile(join(into, "state"), "utf8")).toBe("one");
    for (const file of frozen.files) {
      expect(["copied", "reflinked"]).toContain(file.how);
      expect(await stillFrozen(frozen, file)).toBe(true);
    }
  });

  test("a replaced file costs no copy, and stays when the program replaces it", async () => {
    await writeFile(join(source, "md.cpt"), "one");
    const frozen = await frozenOf([{ name: "md.cpt", written: "replaced" }]);
    await writeFile(join(source, "md.tmp"), "two");
    await rename(join(source, "md.tmp"), join(source, "md.cpt"));
    expect(await readFile(join(into, "md.cpt"), "utf8")).toBe("one");
    for (const file of frozen.files) {
      expect(["linked", "reflinked"]).toContain(file.how);
      expect(await stillFrozen(frozen, file)).toBe(true);
    }
  });

  test("Z2: a linked file that is written in place after all is noticed", async () => {
    await writeFile(join(source, "state"), "one");
    const frozen = await frozenOf([{ name: "state", written: "replaced" }]);
    const [file] = frozen.files;
    if (file === undefined) throw new Error("nothing was frozen");
    await writeFile(join(source, "state"), "two");
    expect([file.how, await stillFrozen(frozen, file)]).toEqual(
      file.how === "linked" ? ["linked", false] : ["reflinked", true],
    );
  });

  test("Z2: a file that is written while it is frozen is not taken", async () => {
    await writeFile(join(source, "state"), "one");
    // The clock is read between the first look and the copy: the place where the program interferes.
    const meddling = {
      ...systemClock,
      nowMs: () => {
        linkSync(join(source, "state"), join(source, "state.again"));
        return Date.now() + 60_000;
      },
    };
    // A new name changes the time of change, as any write does.
    expect(await freeze(inPlace("state"), meddling)).toEqual({
      kind: "changed",
      detail: "state changed while it was frozen",
    });
  });

  test("a file that is gone is a change, not an error", async () => {
    expect(await freeze(inPlace("state"))).toMatchObject({ kind: "changed" });
  });

  test("Z3: a file that was written a moment ago is left to rest first", async () => {
    await writeFile(join(source, "state"), "one");
    const writtenMs = (await stat(join(source, "state"))).mtimeMs;
    const slept: number[] = [];
    const clock = {
      ...systemClock,
      nowMs: () => writtenMs + 5,
      sleep: (ms: number) => {
        slept.push(ms);
        return Promise.resolve();
      },
    };
    expect(await freeze(inPlace("state"), clock)).toMatchObject({ kind: "frozen" });
    expect(slept).toEqual([expect.closeTo(15, -1)]);
  });

  test.each([
    ["a link", () => symlink("/etc/hostname", join(source, "state")), "state", /not a regular file/],
    ["a folder that leads out", () => symlink("/etc", join(source, "out")), "out/hostname", /outside/],
    ["a name that leads out", () => Promise.resolve(), "../elsewhere", /no name/],
  ])("Z4: %s is refused", async (_what, make, name, message) => {
    await make();
    await expect(freeze(inPlace(name))).rejects.toThrow(message);
  });

  test("a folder that was handed over is taken as it lies", async () => {
    await writeFile(join(source, "0.5/field"), "two");
    await writeFile(join(source, "state"), "one");
    const frozen = await handedOver(source);
    expect(frozen.files.map(({ name, how }) => [name, how])).toEqual([
      ["0.5/field", "handed_over"],
      ["state", "handed_over"],
    ]);
    expect((await lstat(join(source, "state"))).nlink).toBe(1);
    await symlink("/etc/hostname", join(source, "link"));
    await expect(handedOver(source)).rejects.toThrow("link in the checkpoint is not a regular file");
  });
});
