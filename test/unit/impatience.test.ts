import { describe, expect, it } from "vitest";
import { HOLD_MS, Impatience } from "../../src/domain/impatience.ts";

const connections = (count: number): { readonly n: number }[] => Array.from({ length: count }, (_, n) => ({ n }));

/** Refuses all of them once in each tenth of a second, from `fromMs` on. @returns how many refusals were held */
function storm(impatience: Impatience<object>, all: readonly object[], fromMs: number, retryAfterMs: number): number {
  let held = 0;
  for (let tenth = 0; tenth < 10; tenth += 1) {
    for (const one of all) if (impatience.refused(one, retryAfterMs, fromMs + tenth * 100) > 0) held += 1;
  }
  return held;
}

describe("a refusal", () => {
  it("is never held for callers that come when they were told to", () => {
    const impatience = new Impatience();
    const all = connections(5_000);
    for (let second = 0; second < 5; second += 1) expect(storm(impatience, all, second * 1_000, 50)).toBe(0);
  });

  it("is not held in the first second of a burst, and from then on for who comes too early", () => {
    const impatience = new Impatience();
    const all = connections(3_000);
    expect(storm(impatience, all, 0, 1_500)).toBe(0);
    expect(storm(impatience, all, 1_000, 1_500)).toBe(30_000);
    expect(impatience.refused(all[0] ?? {}, 1_500, 2_000)).toBe(HOLD_MS);
  });

  it("is not held on a connection that is new", () => {
    const impatience = new Impatience();
    storm(impatience, connections(3_000), 0, 1_500);
    expect(impatience.refused({}, 1_500, 1_000)).toBe(0);
  });

  it("is not held on the few connections of a proxy, however many come over them", () => {
    const impatience = new Impatience();
    const all = connections(200);
    for (let second = 0; second < 3; second += 1) expect(storm(impatience, all, second * 1_000, 5_000)).toBe(0);
  });

  it("is not held at twice the load that can be taken, whoever comes too early", () => {
    const impatience = new Impatience();
    const all = connections(250);
    for (let second = 0; second < 3; second += 1) expect(storm(impatience, all, second * 1_000, 5_000)).toBe(0);
  });

  it("is held as long as those that are held come again a second later each", () => {
    const impatience = new Impatience();
    const all = connections(1_000);
    storm(impatience, all, 0, 2_000);
    for (let second = 1; second < 5; second += 1) {
      for (const one of all) expect(impatience.refused(one, 2_000, second * 1_000 + 1)).toBe(HOLD_MS);
    }
  });

  it("is not held any more after a pause", () => {
    const impatience = new Impatience();
    const all = connections(3_000);
    storm(impatience, all, 0, 60_000);
    expect(storm(impatience, all, 5_000, 60_000)).toBe(0);
  });
});
