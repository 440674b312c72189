/** Is a program that has exited done? Looks at files and text, as its definition says. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { matcher, walk } from "./folder-look.ts";
import type { Resolved } from "./resolve.ts";

/** Texts are looked for in the end of a file. */
const TAIL_BYTES = 1_048_576;
const LAST_LINE_BYTES = 4_096;

/**
 * @param lines tells whether a text condition on the output was met
 * @returns what is not so; null: everything holds
 */
export function whatIsMissing(resolved: Resolved, folder: string, met: (condition: number) => boolean): string | null {
  const { files, links } = walk(folder);
  const names = [...files, ...links].map(({ name }) => name);
  const missing = resolved.completeFiles
    .filter((glob) => !names.some(matcher([glob])))
    .map((glob) => `no file matches ${glob}`);
  for (const [at, { in: place, matches }] of resolved.completeText.entries()) {
    const holds = place === "output" ? met(at) : matches.test(tailOf(join(folder, place)) ?? "");
    if (!holds) missing.push(`${place === "output" ? "the output" : place} does not match /${matches.source}/`);
  }
  return missing.length === 0 ? null : missing.join("; ");
}

/** The last line of a text file that is not empty; null when there is none. */
export function lastLineOf(path: string): string | null {
  return (
    tailOf(path, LAST_LINE_BYTES)
      ?.trimEnd()
      .split(/\r\n|\n|\r/)
      .at(-1) ?? null
  );
}

/** The end of a text file; null when there is none. */
export function tailOf(path: string, bytesAtMost = TAIL_BYTES): string | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return null;
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, bytesAtMost));
    const bytes = readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8", 0, bytes);
  } finally {
    closeSync(file);
  }
}
