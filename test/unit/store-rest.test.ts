import { describe, expect, test } from "vitest";
import { StoreRest } from "../../src/domain/store-rest.ts";

describe("the rest of a worker whose store is away", () => {
  test("does not begin before an attempt could not reach the store", () => {
    expect(new StoreRest().rests(0)).toBe(false);
  });

  test("SR1: is longer each time, up to a bound", () => {
    const rest = new StoreRest();
    let now = 0;
    const rests = Array.from({ length: 4 }, () => {
      const ms = rest.away(now);
      expect(rest.rests(now + ms - 1)).toBe(true);
      now += ms;
      expect(rest.rests(now)).toBe(false);
      return ms;
    });
    expect(rests).toEqual([30_000, 60_000, 120_000, 120_000]);
  });

  test("SR2: ends when something has been stored", () => {
    const rest = new StoreRest();
    rest.away(0);
    rest.away(30_000);
    rest.stored();
    expect(rest.rests(30_001)).toBe(false);
    expect(rest.away(40_000)).toBe(30_000);
  });
});
