import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findJsonBreak } from "../../api/json-syntax.ts";
import { MAX_DEPTH, parseJson } from "../../api/json-body.ts";

const parse = (text: string): ReturnType<typeof parseJson> => parseJson(Buffer.from(text));
const refusal = (text: string): { readonly code: string; readonly detail: string; readonly pointer: unknown } => {
  const parsed = parse(text);
  if (parsed.kind !== "bad") throw new Error(`${text} was accepted`);
  const { code, detail, errors } = parsed.problem;
  return { code, detail, pointer: errors?.[0]?.pointer };
};

describe("JSON of a request", () => {
  it("tells line and column of the first break", () => {
    expect(refusal('{"a":}').detail).toBe('line 1, column 6: expected a value, found "}"');
    expect(refusal('{\n  "a": 1,\n}').detail).toBe('line 3, column 1: expected a name in double quotes, found "}"');
    expect(refusal("[1,2").detail).toBe("line 1, column 5: expected a comma or ], found the end of the body");
    expect(refusal('{"a":1} x').detail).toBe('line 1, column 9: expected nothing more, found "x"');
    expect(refusal("01").detail).toBe('line 1, column 1: expected a value, found "0"');
    expect(refusal('["a\nb"]').detail).toContain("line 1, column 4: expected the rest of a string");
    expect(refusal("").detail).toBe("the body is empty");
  });

  it("finds a break exactly where JSON.parse finds one, whatever the text", () => {
    const fragment = fc.constantFrom(...'{}[],:"\\ \n0123-.eE+tfnrau\u0001é'.split(""), "true", "null", '"a"');
    const text = fc.oneof(
      fc.array(fragment, { maxLength: 30 }).map((parts) => parts.join("")),
      fc.json().chain((json) => fc.nat(json.length).map((at) => json.slice(0, at) + json.slice(at + 1))),
      fc.json(),
    );
    fc.assert(
      fc.property(text, (sample) => {
        let whole = true;
        try {
          JSON.parse(sample);
        } catch {
          whole = false;
        }
        expect(findJsonBreak(sample) === null).toBe(whole);
      }),
      { numRuns: 5_000 },
    );
  });

  it("J1 refuses what is not UTF-8", () => {
    expect(parseJson(Buffer.from([0x22, 0xff, 0x22])).kind).toBe("bad");
  });

  it("J2 refuses what is nested too deeply, and counts brackets in strings as text", () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    expect(parse(nested(MAX_DEPTH)).kind).toBe("value");
    expect(refusal(nested(MAX_DEPTH + 1)).code).toBe("invalid_request");
    expect(refusal(nested(500_000)).code).toBe("invalid_request");
    expect(parse(JSON.stringify(["[".repeat(1_000), '\\"['.repeat(300)])).kind).toBe("value");
    expect(refusal("[".repeat(500_000)).code).toBe("invalid_json");
  });

  it("J3 refuses keys that change prototypes, escaped or not, and names the place", () => {
    expect(refusal('{"a":[{"__proto__":{"x":1}}]}').pointer).toBe("/a/0/__proto__");
    expect(refusal('{"\\u005f_proto__":1}').pointer).toBe("/__proto__");
    expect(refusal('{"constructor":{"prototype":{}}}').pointer).toBe("/constructor");
    expect(parse('{"constructor":"Lotus","note":"__proto__"}').kind).toBe("value");
  });
});
