/** What tests of the online path look at: how requests ended, and what their executions wrote down. */
import { readFileSync } from "node:fs";
import type { InvokeOutcome } from "../../src/online/online.ts";

/** Lines of `file` that begin with `word`. */
export function notes(file: string, word: string): string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.startsWith(word));
  } catch {
    return [];
  }
}

/** How often each kind of outcome came. */
export function kinds(outcomes: readonly InvokeOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of outcomes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
