import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { childTraceparent, readTraceparent } from "../../src/domain/trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const VALID = `00-${TRACE}-${PARENT}-01`;

describe("traceparent", () => {
  it("a valid one is taken as it is", () => {
    expect(readTraceparent(VALID)).toBe(VALID);
    expect(readTraceparent(`00-${TRACE}-${PARENT}-00`)).toBe(`00-${TRACE}-${PARENT}-00`);
  });

  it.each([
    ["none", undefined],
    ["an empty one", ""],
    ["upper case", VALID.toUpperCase()],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${PARENT}-01`],
    ["a parent id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["the version that is none", `ff-${TRACE}-${PARENT}-01`],
    ["more than version 00 has", `${VALID}-what`],
    ["less than version 00 has", `00-${TRACE}-${PARENT}`],
    ["another character", `00-${TRACE}-${PARENT}-0g`],
    ["a later version glued together", `cc-${TRACE}-${PARENT}-01x`],
  ])("T1: %s is passed over", (_name, header) => {
    expect(readTraceparent(header)).toBeNull();
  });

  it("T2: a later version is read by what is known of it, and unknown flags are cleared", () => {
    expect(readTraceparent(`cc-${TRACE}-${PARENT}-01-what-comes-later`)).toBe(VALID);
    expect(readTraceparent(`00-${TRACE}-${PARENT}-ff`)).toBe(VALID);
    expect(readTraceparent(`00-${TRACE}-${PARENT}-02`)).toBe(`00-${TRACE}-${PARENT}-00`);
  });

  it("T3: a child has the same trace and flags, an id of its own, and is valid", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const child = childTraceparent(VALID, one);
        expect(readTraceparent(child)).toBe(child);
        expect([child.slice(0, 36), child.slice(52)]).toEqual([VALID.slice(0, 36), VALID.slice(52)]);
        expect(childTraceparent(VALID, one)).toBe(child);
        if (one !== other) expect(childTraceparent(VALID, other)).not.toBe(child);
      }),
    );
  });
});
