import { describe, expect, it } from "vitest";
import { isToBlame, oddsOfLoss } from "../../src/domain/quarantine.ts";

const HOUR = 3_600_000;
const after = (losses: number, workers: number, elapsedMs: number, mtbfMs: number): boolean =>
  isToBlame({ count: losses, workers, odds: losses * oddsOfLoss(elapsedMs, mtbfMs) });

describe("a job is to blame for lost workers", () => {
  it("QU2: after three in a row on two workers, or five on one alone", () => {
    expect([1, 2, 3].map((losses) => after(losses, 2, 5_000, HOUR))).toEqual([false, false, true]);
    expect([3, 4, 5].map((losses) => after(losses, 1, 5_000, HOUR))).toEqual([false, false, true]);
  });

  it("QU3: not where an innocent job would lose as many", () => {
    // Workers die every minute; from lease to first checkpoint it takes eight seconds.
    expect([3, 4, 5, 6].map((losses) => after(losses, 4, 8_000, 60_000))).toEqual([false, false, false, false]);
    expect(after(8, 4, 8_000, 60_000)).toBe(true);
  });

  it("QU4: after twenty whatever the odds", () => {
    expect(after(19, 9, HOUR, 60_000)).toBe(false);
    expect(after(20, 9, HOUR, 60_000)).toBe(true);
  });
});
