import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClockOffset } from "../../src/redis/redis-clock.ts";

describe("estimate of Redis's clock", () => {
  it("O2: is wrong by at most half the round trip of the tightest sample", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        fc.array(
          fc.record({
            wayOut: fc.double({ min: 0, max: 50, noNaN: true }),
            wayBack: fc.double({ min: 0, max: 50, noNaN: true }),
          }),
          { minLength: 1, maxLength: 20 },
        ),
        (offset, trips) => {
          const clock = new ClockOffset();
          let now = 1_000;
          for (const { wayOut, wayBack } of trips) {
            clock.add(now, now + wayOut + wayBack, now + wayOut + offset);
            now += 2_000;
          }
          const estimate = clock.estimate;
          const tightest = Math.min(...trips.slice(-8).map(({ wayOut, wayBack }) => (wayOut + wayBack) / 2));
          expect(Math.abs((estimate?.offsetMs ?? 0) - offset)).toBeLessThanOrEqual(tightest + 1e-3);
        },
      ),
    );
  });

  it("O3: follows at once when another server with another clock has taken over", () => {
    const clock = new ClockOffset();
    for (let at = 0; at < 8; at++) clock.add(at * 1_000, at * 1_000 + 0.2, at * 1_000 + 500);
    clock.add(9_000, 9_002, 9_001 + 90_000);
    expect(clock.estimate?.offsetMs).toBeCloseTo(90_000);
  });
});
