import { describe, expect, it } from "vitest";
import { describeFault, planGraph, type GraphItem } from "../../src/domain/job-graph.ts";

const item = (key: string | null, ...waitsFor: string[]): GraphItem => ({ key, waitsFor });

describe("the graph of a bulk", () => {
  it("DG2: a diamond is created in waves, whatever the order of the items", () => {
    const items = [item("join", "left", "right"), item("left", "top"), item("right", "top"), item("top"), item(null)];
    expect(planGraph(items)).toEqual({ kind: "ok", waves: [[3, 4], [1, 2], [0]] });
  });

  it("a cycle is refused with its path, not with what only hangs on it", () => {
    const items = [item("start"), item("a", "start", "c"), item("b", "a"), item("c", "b"), item("after", "c")];
    const plan = planGraph(items);
    expect(plan).toEqual({ kind: "bad", faults: [{ kind: "cycle", path: ["a", "c", "b", "a"] }] });
    expect(plan.kind === "bad" && plan.faults.map(describeFault)).toEqual(["these wait for each other: a → c → b → a"]);
  });

  it("an item cannot wait for itself", () => {
    expect(planGraph([item("a", "a")])).toEqual({ kind: "bad", faults: [{ kind: "cycle", path: ["a", "a"] }] });
  });

  it("DG1: names that nobody has, or that two have, are all told", () => {
    expect(planGraph([item("a"), item("a"), item("b", "x", "a")])).toEqual({
      kind: "bad",
      faults: [
        { kind: "duplicate_key", item: 1, key: "a", first: 0 },
        { kind: "unknown_key", item: 2, key: "x" },
      ],
    });
  });

  it("a chain of 100,000 items is planned without recursion", () => {
    const chain = Array.from({ length: 100_000 }, (_, n) => (n === 0 ? item("k0") : item(`k${n}`, `k${n - 1}`)));
    const plan = planGraph(chain);
    expect(plan.kind === "ok" && plan.waves.length).toBe(100_000);
  });
});
