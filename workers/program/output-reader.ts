/** Reads what a program prints: progress, conditions that are met, the result, the last words. */
import type { Progress } from "../keeper/protocol.ts";
import type { Resolved } from "./resolve.ts";

const LAST_LINES = 5;

export class OutputReader {
  readonly #resolved: Resolved;
  readonly #met = new Set<number>();
  #last: string[] = [];
  #result: unknown = null;
  progress: Progress | null;

  constructor(resolved: Resolved, progress: Progress | null) {
    this.#resolved = resolved;
    this.progress = progress;
  }

  /** A process begins: what an earlier one printed says nothing about it. */
  begin(): void {
    this.#met.clear();
    this.#last = [];
  }

  /** @returns whether it told progress */
  line(text: string): boolean {
    const { completeText, resultText, progress } = this.#resolved;
    for (const [at, { in: place, matches }] of completeText.entries()) {
      if (place === "output" && matches.test(text)) this.#met.add(at);
    }
    const found = resultText?.exec(text);
    if (found) this.#result = found.groups === undefined ? valueOf(found[1] ?? found[0]) : valuesOf(found.groups);
    if (text !== "" && text.trim() !== "" && this.#last.push(text) > LAST_LINES) this.#last.shift();
    return progress?.in === "output" && this.#readProgress(text);
  }

  /** The end of the file that tells progress. */
  tail(text: string): boolean {
    const pattern = this.#resolved.progress?.text;
    if (pattern === undefined) return false;
    const all = [...text.matchAll(new RegExp(pattern.source, "gm"))];
    const last = all.at(-1)?.[0];
    return last !== undefined && this.#readProgress(last);
  }

  isMet(condition: number): boolean {
    return this.#met.has(condition);
  }

  /** The last match of `result.text`; null: there was none. */
  get result(): unknown {
    return this.#result;
  }

  /** What it said last, for an error. */
  get lastWords(): string {
    return this.#last
      .map((text) => text.trim())
      .join(" | ")
      .slice(-500);
  }

  #readProgress(text: string): boolean {
    const pattern = this.#resolved.progress;
    const found = pattern?.text.exec(text);
    if (!pattern || !found) return false;
    const completed = Number(found.groups?.["completed"] ?? found[1] ?? found[0]);
    const told = found.groups?.["total"];
    const total = told === undefined ? pattern.total : Number(told);
    if (!Number.isFinite(completed) || (total !== null && !Number.isFinite(total))) return false;
    const before = this.progress;
    this.progress = { completed, total, unit: pattern.unit };
    return before?.completed !== completed || before.total !== total;
  }
}

function valuesOf(groups: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(groups).map(([name, text]) => [name, valueOf(text ?? "")]));
}

/** A number where it is one; text where a number would lose digits of a whole one (a checksum, an id). */
function valueOf(text: string): string | number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) return text;
  return /^\s*[+-]?\d+\s*$/.test(text) && !Number.isSafeInteger(number) ? text : number;
}
