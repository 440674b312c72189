/** Libraries in C that are preloaded into processes under test. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(
  new URL(import.meta.url.includes("/dist/test/") ? "../../../../test/support/faults/" : "./", import.meta.url),
);

export function canCompile(): boolean {
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Compiles `<name>.c` of this folder. @returns the library, in `folder` @throws when there is no C compiler */
export function compiled(name: string, folder: string): string {
  const library = join(folder, `${name}.so`);
  execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", library, join(SOURCES, `${name}.c`), "-ldl"]);
  return library;
}
