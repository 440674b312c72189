/** The programs of `test/support/programs/contracts.yaml`, compiled, and what they must come to. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync } from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { findTool } from "./find-tool.ts";

/** Those that make checkpoints. */
export const CONTRACTS = [
  "numbered",
  "renamed",
  "alternate",
  "trajectory",
  "term-85",
  "term-again",
  "folders",
  "marker",
  "by-stdin",
  "by-command",
  "background",
  "journal",
  "ledger",
] as const;

/** Those of `unusual.yaml`: contracts as they are found, by `unusual.py`. */
export const UNUSUAL = [
  "ranks",
  "answers",
  "over-http",
  "stops-itself",
  "own-limit",
  "snapshot",
  "keeps-a-path",
  "terminal",
  "database",
  "through-gzip",
] as const;

/** What they need besides Python. */
export const TOOLS_OF_THE_UNUSUAL = ["python3", "unshare", "script", "sqlite3", "gzip"] as const;

/** Where `unusual.yaml` lies. */
export function unusualFile(): string {
  return join(sources(), "unusual.yaml");
}

/** The folder with the sources; benches and chaos runs are compiled, and lie elsewhere. */
function sources(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return here.includes("/dist/test/") ? join(here, "../../../test/support/programs") : join(here, "programs");
}

/** The C compiler of this machine; null: it has none. */
export function findCompiler(): string | null {
  return findTool("cc", "gcc", "clang");
}

/**
 * Compiles `simulation.c` into a new folder beside a copy of the programs file.
 * @throws Error when there is no compiler
 */
export function compileContracts(): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), "cairn-contracts-"));
  const file = join(folder, "contracts.yaml");
  copyFileSync(join(sources(), "contracts.yaml"), file);
  compile(join(sources(), "simulation.c"), join(folder, "simulation"));
  return { folder, file };
}

/** @throws Error when there is no compiler, or it finds something wrong */
export function compile(source: string, into: string): void {
  const compiler = findCompiler();
  if (compiler === null) throw new Error("there is no C compiler on this machine: apt-get install gcc libc6-dev");
  execFileSync(compiler, ["-O1", "-Wall", "-Wextra", "-Werror", "-o", into, source, "-lm"]);
}

/** What `simulation.c` must write into `final.txt`, computed without it. */
export function simulationValue(steps: number): string {
  let value = 0n;
  for (let step = 1n; step <= BigInt(steps); step += 1n) {
    value = BigInt.asUintN(64, value * 6_364_136_223_846_793_005n + step);
  }
  return `${value}\n`;
}
