/** Reading what stands on a command line. Every reader throws a `UsageError` that says what would be right. */
import { JOB_ID } from "../contract/json.ts";
import { UsageError } from "./usage-error.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `1h30m`. @returns milliseconds */
export function readDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw new UsageError(`"${text}" is not a time span: write it like 500ms, 30s, 10m or 1h30m`);
  }
  return Math.round(parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (UNIT_MS[unit] ?? 0), 0));
}

export function readWhole(range: { readonly from: number; readonly to: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text) || value < range.from || value > range.to) {
      throw new UsageError(`"${text}" is not a whole number from ${range.from} to ${range.to}`);
    }
    return value;
  };
}

/** `key=value`. */
export function readPair(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`"${text}" is not of the form key=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** The id of a job or an array, in the case in which the API knows it. */
export function readJobId(text: string): string {
  const id = text.trim().toLowerCase();
  if (id === "") throw new UsageError("The id of the job is empty: was the variable set that stands there?");
  if (!JOB_ID.test(id)) {
    throw new UsageError(
      `"${text}" is not the id of a job: 26 letters and digits, as \`cairn ls\` shows them; they cannot be shortened`,
    );
  }
  return id;
}

/** `job`, or `job:run` for one whose failure does not matter. */
export function readDependency(text: string): { readonly job: string; readonly onFailure: "cancel" | "run" } {
  const [, job, onFailure = "cancel"] = /^([^:]+)(?::(run|cancel))?$/.exec(text) ?? [];
  if (job === undefined) throw new UsageError(`"${text}" is not the id of a job, or job:run`);
  return { job, onFailure: onFailure === "run" ? "run" : "cancel" };
}

export function readOneOf<const Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw new UsageError(`"${text}" is not one of ${words.join(", ")}`);
    return found;
  };
}

export const readText = (text: string): string => text;

/**
 * A point in time: RFC 3339, or `+10m` from now.
 * @returns RFC 3339 in UTC
 */
export function readTime(text: string, nowMs: number): string {
  if (text.startsWith("+")) return new Date(nowMs + readDuration(text.slice(1))).toISOString();
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new UsageError(`"${text}" is not a time: write 2030-01-31T18:00:00Z (with Z or an offset), or +10m`);
  }
  return new Date(text).toISOString();
}

/** From where a retry starts. */
export function readStart(text: string): "start" | "last" | number {
  if (text === "start" || text === "last") return text;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is not start, last or the number of a checkpoint`);
}
