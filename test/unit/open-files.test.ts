/** Which files a process can write to, also where it has them under another path. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mappedForWriting, openForWriting } from "../../workers/program/open-files.ts";
import { findTool } from "../support/find-tool.ts";

/** As a container has it: the folder, and only it, under the path /mnt. */
const INSIDE = ["unshare", "-rm", "sh", "-c", 'mount --bind . /mnt && cd /mnt && exec "$@"', "sh"];
const MAPS = `
import mmap, sys, time
file = open("mapped", "r+b")
memory = mmap.mmap(file.fileno(), 0)
log = open("open", "a")
print("ready", flush=True)
time.sleep(60)
`;
const canMount = spawnSync("unshare", ["-rm", "sh", "-c", "mount --bind . /mnt"]).status === 0;
const canRun = process.platform === "linux" && findTool("python3") !== null;

let folder: string;
let child: ChildProcess | null = null;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "cairn-open-")));
  for (const name of ["mapped", "open", "closed"]) writeFileSync(join(folder, name), "content");
});
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
  child = null;
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(!canRun).each<[string, readonly string[], boolean]>([
  ["by its path", [], true],
  ["in a mount namespace of its own (OF1)", INSIDE, canMount],
])("a file is seen to be open for writing, or mapped: %s", async (_, before, isPossible) => {
  if (!isPossible) return; // Not everywhere a user may make one.
  child = spawn("env", [...before, "python3", "-c", MAPS], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout!, "readable"); // Also when it has ended.
  const pids = [child.pid!];
  expect([...(openForWriting(pids, folder) ?? [])].filter((name) => name !== "mapped")).toEqual(["open"]);
  expect([...mappedForWriting(pids, folder)]).toEqual(["mapped"]);
});
