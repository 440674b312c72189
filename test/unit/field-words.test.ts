import { describe, expect, it } from "vitest";
import { z } from "zod";
import { fieldWords } from "../../api/field-words.ts";

const schema = z.strictObject({
  count: z.int().min(1).max(9),
  state: z.enum(["queued", "running"]),
  at: z.iso.datetime({ offset: true }),
  names: z.array(z.string().min(3, { error: "is too short for a name" })).max(2),
  interval: z.union([z.literal("auto"), z.literal("never")]),
});
const right = { count: 1, state: "queued", at: "2030-01-31T12:00:00Z", names: [], interval: "auto" };

function words(wrong: Record<string, unknown>): string | undefined {
  return schema.safeParse({ ...right, ...wrong }, { error: fieldWords }).error?.issues[0]?.message;
}

describe("what is wrong with a field", () => {
  it.each([
    [{ count: undefined }, "is required"],
    [{ count: "x" }, 'must be a number, not "x"'],
    [{ count: 1.5 }, "must be a whole number, not 1.5"],
    [{ count: 0 }, "must be at least 1"],
    [{ count: 10 }, "must be at most 9"],
    [{ state: "quued" }, 'must be one of "queued", "running", not "quued"'],
    [{ state: { a: 1 } }, 'must be one of "queued", "running", not an object'],
    [{ at: "tomorrow" }, 'must be a time as RFC 3339 writes it, such as 2030-01-31T12:00:00Z, not "tomorrow"'],
    [{ names: ["anna", "bert", "carl"] }, "must have at most 2 items"],
    [{ names: ["a"] }, "is too short for a name"],
    [{ interval: "x".repeat(100) }, `is "${"x".repeat(59)}…, which fits none of the accepted forms`],
  ])("%j %s", (wrong, expected) => expect(words(wrong)).toBe(expected));
});
