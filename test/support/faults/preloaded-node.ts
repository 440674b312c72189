/**
 * A Node with libraries preloaded, in a process and in every Node that it forks. The children of an agent get a clean
 * environment, so variables alone would reach the agent only: each is started through a script that sets them anew.
 */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface PreloadedNode {
  /** For `fork`: what to start instead of Node, and what its children are told. */
  readonly execPath: string;
  readonly execArgv: readonly string[];
}

/**
 * @param folder where the script is laid
 * @param libraries paths of shared libraries
 * @param variables what they want to know
 */
export function preloadedNode(
  folder: string,
  name: string,
  libraries: readonly string[],
  variables: Readonly<Record<string, string>>,
): PreloadedNode {
  const script = join(folder, `node-${name}.sh`);
  const set = Object.entries({ ...variables, LD_PRELOAD: libraries.join(":") }).map(
    ([key, value]) => `export ${key}='${value}'`,
  );
  writeFileSync(script, ["#!/bin/sh", ...set, `exec '${process.execPath}' "$@"`, ""].join("\n"));
  chmodSync(script, 0o755);
  const hand = join(folder, `node-${name}.cjs`);
  writeFileSync(hand, `process.execPath = ${JSON.stringify(script)};\n`);
  return { execPath: script, execArgv: ["--require", hand] };
}
