/** What of a working folder goes through a checkpoint, and what is said about the rest. */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync } from "node:fs";
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/runtime/clock.ts";
import { CheckpointFiles } from "../../workers/program/checkpoint-files.ts";
import { Completeness } from "../../workers/program/completeness.ts";
import { Readiness } from "../../workers/program/readiness.ts";
import { layOut, readProgramState } from "../../workers/program/program-state.ts";
import { Shelf } from "../../workers/program/shelf.ts";
import { Unkept } from "../../workers/program/unkept.ts";

let root: string;
let working: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "cairn-folder-"));
  working = join(root, "working");
  await mkdir(working);
});
afterEach(async () => {
  await chmod(join(working, "locked"), 0o755).catch(() => undefined);
  await chmod(join(root, "resumed/locked"), 0o755).catch(() => undefined);
  await rm(root, { recursive: true, force: true });
});

const everything = (): CheckpointFiles =>
  new CheckpointFiles(working, {
    ...{ files: ["**"], optional: [], exclude: [], replaced: [], appended: [], lines: [], marker: null, ending: null },
  });

/** Takes a checkpoint of all of it and lays it out again. @returns the new folder */
async function resumed(): Promise<string> {
  const files = everything();
  const shelf = new Shelf({ working, folder: join(root, "shelf"), look: () => files.look(), clock: systemClock });
  const about = { progress: null, blockedMs: () => 0, mapped: [], onCopying: () => undefined };
  expect(await shelf.freeze(files.look(), about)).toBeNull();
  const stored = join(root, "stored");
  await mkdir(stored);
  await shelf.handOver(stored);
  const folder = join(root, "resumed");
  await mkdir(folder);
  await layOut(await readProgramState(stored), stored, folder);
  return folder;
}

test("a checkpoint of the whole folder keeps names with newlines, modes of files and folders, empty ones, and links", async () => {
  await mkdir(join(working, "locked/inner"), { recursive: true });
  await mkdir(join(working, "empty"), { mode: 0o700 });
  await writeFile(join(working, "new\nline"), "1");
  await writeFile(join(working, "-x ü.sh"), "2", { mode: 0o750 });
  await writeFile(join(working, "locked/inner/a"), "3", { mode: 0o400 });
  await symlink("nowhere", join(working, "dangling"));
  await chmod(join(working, "locked"), 0o555);
  const folder = await resumed();
  expect((await readdir(folder)).sort()).toEqual(["-x ü.sh", "dangling", "empty", "locked", "new\nline"]);
  expect(await readFile(join(folder, "new\nline"), "utf8")).toBe("1");
  const modes = ["-x ü.sh", "empty", "locked", "locked/inner/a"].map((name) =>
    (lstatSync(join(folder, name)).mode & 0o777).toString(8),
  );
  expect(modes).toEqual(["750", "700", "555", "400"]);
});

test("what a checkpoint cannot keep is said by name, once, and stops nothing of the rest", async () => {
  await writeFile(join(working, "a"), "1");
  await link(join(working, "a"), join(working, "b"));
  await writeFile(join(working, "back\\slash"), "2");
  await writeFile(Buffer.concat([Buffer.from(`${working}/`), Buffer.from([0x66, 0xfc])]), "3");
  execFileSync("mkfifo", [join(working, "pipe")]);
  const notes: string[] = [];
  const files = everything();
  const unkept = new Unkept({
    folder: working,
    covers: (name) => files.covers(name),
    note: (text) => notes.push(text),
  });
  unkept.tell();
  unkept.tell();
  expect(notes.sort()).toEqual([
    'the checkpoint does not keep "back\\\\slash": its name holds a backslash',
    "the checkpoint does not keep b: as a hard link to a; it becomes a file of its own, with the same content",
    "the checkpoint does not keep f\uFFFD: its name is not UTF-8",
    "the checkpoint does not keep pipe: it is a named pipe",
  ]);
  const folder = await resumed();
  expect((await readdir(folder)).sort()).toEqual(["a", "b"]);
  expect(existsSync(join(folder, "pipe"))).toBe(false);
});

test("what a checkpoint does not cover is not said to be lost", () => {
  execFileSync("mkfifo", [join(working, "pipe")]);
  const notes: string[] = [];
  new Unkept({ folder: working, covers: (name) => name === "state", note: (text) => notes.push(text) }).tell();
  expect(notes).toEqual([]);
});

test("what shows that a program can be asked may be a socket, a pipe, a link or a folder (RD1)", async () => {
  execFileSync("mkfifo", [join(working, "control")]);
  await symlink("nowhere", join(working, "latest"));
  await mkdir(join(working, "run/ready"), { recursive: true });
  for (const file of ["control", "latest", "run/rea*"]) {
    const readiness = new Readiness({ text: null, file }, working);
    readiness.begin();
    expect(readiness.isReady).toBe(true);
  }
});

test.each<[string, string, () => Promise<unknown>, () => Promise<unknown>]>([
  [
    "a link that is set to the newest",
    "latest",
    () => symlink("step-1", join(working, "latest")),
    () => rm(join(working, "latest")).then(() => symlink("step-2", join(working, "latest"))),
  ],
  [
    "a folder that appears",
    "*.done",
    () => mkdir(join(working, "step-1.done")),
    () => mkdir(join(working, "step-2.done")),
  ],
])("a marker may be %s: each new one tells of a checkpoint", async (_, marker, first, second) => {
  await writeFile(join(working, "state"), "1");
  const files = new CheckpointFiles(working, {
    ...{ files: ["state"], optional: [], exclude: [], replaced: [], appended: [], lines: [], marker, ending: null },
  });
  const completeness = new Completeness({ settleMs: "auto", text: null, lastLine: null, closed: false, by: "file" });
  const judged = (): string => completeness.judge(files.look(), 0, { isOpen: () => "no", lastLineOf: () => null }).kind;
  completeness.begin(files.look());
  const before = judged();
  await first();
  const afterFirst = judged();
  completeness.begin(files.look());
  const between = judged();
  await second();
  expect([before, afterFirst, between, judged()]).toEqual(["waiting", "complete", "waiting", "complete"]);
});
