import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareFences, fenceText, parseFenceText } from "../../src/domain/fence.ts";
import { backoffMs, ONLINE_BACKOFF } from "../../src/domain/retry.ts";

const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("the pause before a retry", () => {
  it("grows by its factor up to its cap, and stays within its jitter", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), share, (retry, random) => {
        const middle = Math.min(25 * 2 ** (retry - 1), 250);
        const pause = backoffMs(ONLINE_BACKOFF, retry, random);
        expect(pause).toBeGreaterThanOrEqual(middle * 0.8 - 1e-9);
        expect(pause).toBeLessThanOrEqual(middle * 1.2 + 1e-9);
      }),
    );
  });
});

describe("fences", () => {
  const fence = fc.record({ generation: fc.nat(), counter: fc.nat(), token: fc.string() });

  it("F1: are ordered by generation, then by counter", () => {
    expect(compareFences({ generation: 1, counter: 9 }, { generation: 2, counter: 1 })).toBeLessThan(0);
    expect(compareFences({ generation: 2, counter: 3 }, { generation: 2, counter: 2 })).toBeGreaterThan(0);
    expect(compareFences({ generation: 2, counter: 3 }, { generation: 2, counter: 3 })).toBe(0);
  });

  it("are read back from their public form", () => {
    fc.assert(
      fc.property(fence, (value) => {
        expect(parseFenceText(fenceText(value))).toEqual({ generation: value.generation, counter: value.counter });
      }),
    );
    expect(parseFenceText("1.2.3")).toBeNull();
  });
});
