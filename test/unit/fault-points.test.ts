import { describe, expect, it } from "vitest";
import { FaultInjected, parseFaultPlan } from "../../src/runtime/fault-points.ts";

describe("a fault plan", () => {
  it("is empty by default, and then nothing happens anywhere", () => {
    expect(parseFaultPlan("").reach("keeper.after-commit")).toBe("go");
  });

  it("acts at the named place alone, and at the n-th time if it says so", () => {
    const faults = parseFaultPlan("a=skip, b=fail@2");
    expect([faults.reach("a"), faults.reach("c"), faults.reach("b")]).toEqual(["skip", "go", "go"]);
    expect(() => faults.reach("b")).toThrow(FaultInjected);
    expect(faults.reach("b")).toBe("go");
  });

  it.each(["a", "a=explode", "a=kill@x", "=kill"])("that cannot be read is refused: %s", (plan) => {
    expect(() => parseFaultPlan(plan)).toThrow(/fault plan/);
  });
});
