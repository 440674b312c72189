/** Is a program that has exited done? Looks at files and text, as its definition says. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { lookAround, matcher } from "./folder-look.ts";
import type { Resolved } from "./resolve.ts";

/** Texts are looked for in the end of a file. */
const TAIL_BYTES = 1_048_576;

/**
 * @param lines tells whether a text condition on the output was met
 * @returns what is not so; null: everything holds
 */
export function whatIsMissing(resolved: Resolved, folder: string, met: (condition: number) => boolean): string | null {
  const names = lookAround(folder).map(({ name }) => name);
  for (const glob of resolved.completeFiles) {
    if (!names.some(matcher([glob]))) return `no file matches ${glob}`;
  }
  for (const [at, { in: place, matches }] of resolved.completeText.entries()) {
    const holds = place === "output" ? met(at) : matches.test(tailOf(join(folder, place)) ?? "");
    if (!holds) return `${place === "output" ? "the output" : place} does not match /${matches.source}/`;
  }
  return null;
}

/** The end of a text file; null when there is none. */
export function tailOf(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return null;
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const bytes = readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8", 0, bytes);
  } finally {
    closeSync(file);
  }
}
