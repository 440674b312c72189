/**
 * What is wrong with a field, for whoever sent it: what it must be, and what came instead. A schema that says so in
 * words of its own is left alone.
 */
import type { z } from "zod";

const FORMATS: Readonly<Record<string, string>> = {
  datetime: "a time as RFC 3339 writes it, such as 2030-01-31T12:00:00Z",
  url: "an absolute URL",
};
/** Characters of what came that are shown. */
const SHOWN = 60;

/** The error map for `safeParse`. @returns undefined where zod's own words have to do */
export const fieldWords: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is required" : `must be ${aKind(issue.expected)}, not ${shown(issue.input)}`;
    case "invalid_value":
      return `must be ${oneOf(issue.values)}, not ${shown(issue.input)}`;
    case "too_small":
      return `must ${bound(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum)}`;
    case "too_big":
      return `must ${bound(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum)}`;
    case "invalid_format":
      if (issue.format === "regex")
        return `is ${shown(issue.input)}, which does not fit ${issue.pattern ?? "its pattern"}`;
      return `must be ${FORMATS[issue.format] ?? `of the format ${issue.format}`}, not ${shown(issue.input)}`;
    case "invalid_union":
      return `is ${shown(issue.input)}, which fits none of the accepted forms`;
    default:
      return undefined;
  }
};

function bound(origin: string, how: string, limit: number | bigint): string {
  if (origin === "string") return `have ${how} ${limit} characters`;
  if (origin === "array" || origin === "set") return `have ${how} ${limit} items`;
  return `be ${how} ${limit}`;
}

function aKind(expected: string): string {
  if (expected === "int" || expected === "safeint") return "a whole number";
  return /^[aeio]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  return texts.length === 1 ? String(texts[0]) : `one of ${texts.join(", ")}`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
