/** What is said about a field of the wrong kind where the schema itself says nothing better: in words of ours. */
import type { z } from "zod";

const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "fields",
  record: "fields",
};

/** For `safeParse(…, { error })`. */
export function inOurWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined) return `is missing; must be ${kindOf(issue.expected)}`;
      return `must be ${kindOf(issue.expected)}, not ${told(issue.input)}`;
    case "too_small":
      return issue.origin === "string" || issue.origin === "array"
        ? `must not be empty`
        : `must be at least ${String(issue.minimum)}`;
    case "too_big":
      return `must be at most ${String(issue.maximum)}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}, not ${told(issue.input)}`;
    case "invalid_key":
      return "is no name that can stand here";
    case "invalid_union":
      return `has none of the forms that it may have, ${told(issue.input)}`;
    default:
      return undefined;
  }
}

function kindOf(expected: string): string {
  return KINDS[expected] ?? expected;
}

function told(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return Array.isArray(value) ? "a list" : "fields";
}
