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
  return counted(outcomes.map(({ kind }) => kind));
}

/** What those that were not answered were told, and how often: nothing when all were answered. */
export function unanswered(outcomes: readonly InvokeOutcome[]): Record<string, number> {
  return counted(
    outcomes
      .filter(({ kind }) => kind !== "answered")
      .map((outcome) => ("detail" in outcome ? `${outcome.kind}: ${outcome.detail}` : outcome.kind)),
  );
}

function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
