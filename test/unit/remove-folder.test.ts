/** Folders that a program left behind without the right to write into them. */
import { execFileSync } from "node:child_process";
import { chownSync, existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const MODULE = fileURLToPath(new URL("../../dist/src/runtime/remove-folder.js", import.meta.url));
/** Root may remove anything, so that it is somebody else then. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "cairn-remove-"));
  await chmod(root, 0o755);
});
afterAll(() => rm(root, { recursive: true, force: true }));

function asOwner(code: string): void {
  execFileSync(
    process.execPath,
    ["--input-type=module", "-e", `import * as it from ${JSON.stringify(MODULE)};${code}`],
    {
      cwd: "/",
      ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    },
  );
}

describe("a folder that its program left read-only", () => {
  test.each(["await it.removeFolder", "it.removeFolderNow"])("is removed by its owner: %s (RF1)", async (call) => {
    const home = await mkdtemp(join(root, "work-"));
    const outside = join(home, "outside");
    const folder = join(home, "left");
    const inner = join(folder, "cache", "module");
    await mkdir(inner, { recursive: true });
    await mkdir(outside);
    await writeFile(join(outside, "kept"), "");
    await writeFile(join(inner, "file"), "");
    await symlink(outside, join(inner, "link"));
    if (isRoot)
      for (const path of [home, folder, join(folder, "cache"), inner, outside]) chownSync(path, NOBODY, NOBODY);
    for (const path of [outside, inner, join(folder, "cache"), folder]) await chmod(path, 0o555);

    asOwner(`${call}(${JSON.stringify(folder)})`);

    expect(existsSync(folder)).toBe(false);
    expect(await readdir(outside)).toEqual(["kept"]);
    asOwner(`${call}(${JSON.stringify(folder)})`); // It was not there: no fault.
    await chmod(outside, 0o755);
  });
});
