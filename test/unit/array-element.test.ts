import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arrayIdFrom, elementId, elementIndex, elementRange, renderInput } from "../../src/domain/array-element.ts";

const ARRAY = arrayIdFrom("01hzyv7k3m8q4r5t6w7x8y9z0a");

describe("the elements of an array", () => {
  it("AE1: ids name array and index, and sort by index, behind the array and before what comes later", () => {
    expect(ARRAY).toBe("01hzyv7k3m8q4r5t6w7x8y9000");
    expect(elementId(ARRAY, 0)).toBe("01hzyv7k3m8q4r5t6w7x8y9001");
    expect(elementId(ARRAY, 9_999)).toBe("01hzyv7k3m8q4r5t6w7x8y99rg");
    const { after, upTo } = elementRange(ARRAY);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_998 }), (index) => {
        const [one, next] = [elementId(ARRAY, index), elementId(ARRAY, index + 1)];
        expect([after, one, next, upTo]).toEqual([after, one, next, upTo].sort());
        expect(elementIndex(one)).toBe(index);
      }),
    );
  });

  it("AE2: {index} is the number alone in a string, and its digits within one; keys and all else stay", () => {
    const template = { seed: "{index}", file: "run-{index}-of-{index}.nc", "{index}": [1, null, "{index}", true] };
    expect(renderInput(template, 7)).toEqual({ seed: 7, file: "run-7-of-7.nc", "{index}": [1, null, 7, true] });
    expect(renderInput("plain", 7)).toBe("plain");
  });
});
