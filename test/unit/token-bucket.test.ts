import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenBucket } from "../../src/domain/token-bucket.ts";

describe("a token bucket", () => {
  it("gives some at once, then so many a second, and fills up in quiet times", () => {
    const bucket = new TokenBucket({ perSecond: 2, atOnce: 3 });
    expect([0, 0, 0, 0].map((ms) => bucket.take(ms))).toEqual([true, true, true, false]);
    expect([499, 500, 501].map((ms) => bucket.take(ms))).toEqual([false, true, false]);
    expect([60_000, 60_000, 60_000, 60_000].map((ms) => bucket.take(ms))).toEqual([true, true, true, false]);
  });

  it("never gives more than its rule, whenever it is asked", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }), (gaps) => {
        const bucket = new TokenBucket({ perSecond: 5, atOnce: 4 });
        let now = 0;
        let taken = 0;
        for (const gap of gaps) {
          now += gap;
          if (bucket.take(now)) taken += 1;
        }
        expect(taken).toBeLessThanOrEqual(4 + (now / 1_000) * 5 + 1e-6);
      }),
    );
  });
});
