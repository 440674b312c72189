import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WorstList } from "../../src/domain/worst-list.ts";

describe("a list of the worst", () => {
  it("Y1: keeps the worst few, and its bar is the least of them once it is full", () => {
    const list = new WorstList<string>({ keep: 2, windowMs: 1_000 });
    expect(list.bar).toBe(-Infinity);
    list.add("a", 5, 0);
    list.add("b", 9, 1);
    expect(list.bar).toBe(5);
    list.add("c", 7, 2);
    expect([list.worst(2), list.bar]).toEqual([["b", "c"], 7]);
  });

  it("Y2: forgets what is older than the window, and takes milder ones again", () => {
    const list = new WorstList<string>({ keep: 2, windowMs: 1_000 });
    list.add("a", 5, 0);
    list.add("b", 9, 500);
    expect([list.worst(1_000), list.bar]).toEqual([["b"], -Infinity]);
    list.add("c", 1, 1_100);
    expect(list.worst(1_100)).toEqual(["b", "c"]);
  });

  it("holds what sorting everything would hold", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 100 }), (all) => {
        const list = new WorstList<number>({ keep: 5, windowMs: 1_000 });
        for (const one of all) if (one > list.bar) list.add(one, one, 0);
        expect(list.worst(0)).toEqual([...all].sort((a, b) => b - a).slice(0, 5));
      }),
    );
  });
});
