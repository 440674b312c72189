import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { averageCost, chooseInterval, dalyMs } from "../../src/domain/checkpoint-interval.ts";
import { meanTimeToLossInZoneMs, meanTimeToLossMs, NO_LOSSES } from "../../src/domain/failure-rate.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const BOUNDS = { minMs: SECOND, maxMs: 600 * SECOND };
const cost = (blockedMs: number, totalMs = blockedMs) => ({ blockedMs, totalMs });

/** Daly's exact model, first part: the share of useful time, for exponential failures without restart cost. */
function goodput(tauMs: number, costMs: number, mtbfMs: number): number {
  return tauMs / (mtbfMs * Math.expm1((tauMs + costMs) / mtbfMs));
}

describe("Daly's optimum", () => {
  it.each([
    [60, 0.2, 4.8],
    [300, 0.2, 10.8],
    [300, 2, 33.3],
    [1_800, 20, 255],
    [7_200, 2, 168],
    [86_400, 20, 1_846],
  ])("at a failure every %d s and checkpoints of %d s is %d s", (mtbf, costs, tau) => {
    expect(Math.abs(dalyMs(costs * SECOND, mtbf * SECOND) / SECOND / tau - 1)).toBeLessThan(0.01);
  });

  it("is within half a point of the best interval there is", () => {
    const cases = fc.record({
      mtbfMs: fc.double({ min: 1e4, max: 1e8, noNaN: true }),
      share: fc.double({ min: 1e-5, max: 0.2, noNaN: true }),
    });
    fc.assert(
      fc.property(cases, ({ mtbfMs, share }) => {
        const costMs = mtbfMs * share;
        const chosen = goodput(dalyMs(costMs, mtbfMs), costMs, mtbfMs);
        let best = 0;
        for (let tau = costMs / 10; tau < 3 * mtbfMs; tau *= 1.02) best = Math.max(best, goodput(tau, costMs, mtbfMs));
        expect(chosen).toBeGreaterThan(best - 0.005);
      }),
    );
  });

  it("is the time between failures itself where a checkpoint costs twice that", () => {
    expect(dalyMs(120 * SECOND, 60 * SECOND)).toBe(60 * SECOND);
  });
});

describe("the time between checkpoints", () => {
  const choose = (costs: ReturnType<typeof cost> | null, mtbfMs: number) =>
    chooseInterval("auto", costs, mtbfMs, BOUNDS);

  it("says why it is that long", () => {
    expect(choose(null, HOUR)).toEqual({ ms: 1_000, costMs: null, mtbfMs: HOUR, why: "first" });
    expect(choose(cost(200), 60 * SECOND)).toMatchObject({ costMs: 200, why: "optimum" });
    expect(choose(cost(1), 60 * SECOND)).toMatchObject({ ms: 1_000, why: "shortest" });
    expect(choose(cost(20_000), 24 * HOUR)).toMatchObject({ ms: 600_000, why: "longest" });
    expect(choose(cost(40_000), 30 * SECOND)).toMatchObject({ ms: 80_000, why: "overhead" });
    expect(choose(cost(1, 90_000), HOUR)).toMatchObject({ ms: 89_999, why: "storing" });
    expect(chooseInterval(7_000, cost(200), 60 * SECOND, BOUNDS)).toMatchObject({ ms: 7_000, why: "fixed" });
  });

  it("CI1, CI2: keeps the task's bounds, and where they let it, two thirds of the time for the program", () => {
    const ms = fc.integer({ min: 0, max: 1e7 });
    fc.assert(
      fc.property(ms, ms, fc.integer({ min: 1, max: 1e9 }), (blockedMs, storingMs, mtbfMs) => {
        const chosen = choose(cost(blockedMs, blockedMs + storingMs), mtbfMs);
        expect(chosen.ms).toBeGreaterThanOrEqual(BOUNDS.minMs);
        expect(chosen.ms).toBeLessThanOrEqual(BOUNDS.maxMs);
        if (chosen.ms < BOUNDS.maxMs) expect(chosen.ms).toBeGreaterThanOrEqual(2 * blockedMs - 1);
      }),
    );
  });

  it("follows what checkpoints cost, and does not jump at one that was dear", () => {
    const usual = averageCost(null, cost(100, 200));
    expect(usual).toEqual(cost(100, 200));
    const after = averageCost(usual, cost(1_100, 1_200));
    expect(after.blockedMs).toBe(400);
    let now = after;
    for (let n = 0; n < 20; n += 1) now = averageCost(now, cost(1_100, 1_200));
    expect(now.blockedMs).toBeGreaterThan(1_090);
  });
});

describe("the rate of losses", () => {
  it("FR3: is ten minutes of worker time before anything was seen, and an hour after one quiet hour of three workers", () => {
    expect(meanTimeToLossMs(NO_LOSSES)).toBe(HOUR / 6);
    const lived = 3 * HOUR;
    expect(meanTimeToLossMs({ ...NO_LOSSES, longMs: lived, recentMs: lived })).toBeGreaterThan(HOUR);
  });

  it("is near the truth after one loss of each of eight workers, and nearer after ten", () => {
    const after = (losses: number): number => {
      const lived = losses * 60 * SECOND;
      return meanTimeToLossMs({ longLosses: losses, longMs: lived, recentLosses: losses, recentMs: lived });
    };
    expect(after(8)).toBeLessThan(2 * 60 * SECOND);
    expect(Math.abs(after(80) / (60 * SECOND) - 1)).toBeLessThan(0.05);
  });

  it("FR2: notices a burst after a quiet day, and that it is over", () => {
    const quiet = { longLosses: 0.5, longMs: 150 * HOUR };
    const burst = {
      longLosses: 20.5,
      longMs: 150 * HOUR + 20 * 60 * SECOND,
      recentLosses: 20,
      recentMs: 20 * 60 * SECOND,
    };
    expect(meanTimeToLossMs({ ...quiet, recentLosses: 0, recentMs: 2 * HOUR })).toBeGreaterThan(48 * HOUR);
    expect(meanTimeToLossMs(burst)).toBeLessThan(0.5 * HOUR);
    expect(meanTimeToLossMs({ ...burst, recentLosses: 0, recentMs: 2 * HOUR })).toBeGreaterThan(8 * HOUR);
  });

  describe("FR4: of a zone", () => {
    const counts = (losses: number, hours: number) => ({
      ...{ longLosses: losses, longMs: hours * HOUR, recentLosses: losses / 10, recentMs: (hours * HOUR) / 10 },
    });

    it("is the fleet's as long as nothing was seen there", () => {
      const fleet = counts(7, 30);
      expect(meanTimeToLossInZoneMs(NO_LOSSES, fleet)).toBe(meanTimeToLossMs(fleet));
    });

    it("comes apart where zones differ: machines that are taken back beside machines of one's own", () => {
      const [spot, own, fleet] = [counts(40, 20), counts(1, 100), counts(41, 120)];
      expect(Math.abs(meanTimeToLossInZoneMs(spot, fleet) / (HOUR / 2) - 1)).toBeLessThan(0.25);
      expect(meanTimeToLossInZoneMs(own, fleet)).toBeGreaterThan(25 * HOUR);
      expect(meanTimeToLossMs(fleet)).toBeLessThan(4 * HOUR);
    });

    it("is that of the fleet, about, where zones are alike, and is not led astray by one loss", () => {
      const [half, fleet] = [counts(20, 20), counts(40, 40)];
      expect(Math.abs(meanTimeToLossInZoneMs(half, fleet) / meanTimeToLossMs(fleet) - 1)).toBeLessThan(0.1);
      const unlucky = { longLosses: 1, longMs: HOUR / 60, recentLosses: 1, recentMs: HOUR / 60 };
      expect(meanTimeToLossInZoneMs(unlucky, fleet)).toBeGreaterThan(meanTimeToLossMs(fleet) / 5);
    });
  });
});
