import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HEDGE_BUDGET, ONLINE_RETRY_BUDGET, RetryBudget } from "../../src/domain/retry-budget.ts";

describe("retry budget", () => {
  it("lets a quiet service retry at its floor", () => {
    const budget = new RetryBudget({ ratio: 0.1, perSecond: 3, windowMs: 10_000 });
    const granted = Array.from({ length: 100 }, () => budget.withdraw(5)).filter(Boolean).length;
    expect(granted).toBe(30);
  });

  it("grows with the requests, and forgets them after the window", () => {
    const budget = new RetryBudget({ ratio: 0.1, perSecond: 0, windowMs: 10_000 });
    for (let at = 0; at < 100; at++) budget.deposit(at);
    expect(Array.from({ length: 20 }, () => budget.withdraw(200)).filter(Boolean)).toHaveLength(10);
    expect(budget.withdraw(20_000)).toBe(false);
  });

  it("gives back after the window what was taken in it", () => {
    const budget = new RetryBudget({ ratio: 0, perSecond: 1, windowMs: 1_000 });
    expect(budget.withdraw(0)).toBe(true);
    expect(budget.withdraw(500)).toBe(false);
    expect(budget.withdraw(1_100)).toBe(true);
  });

  it("B1: a storm of failures adds the share and the floor, whatever the order of requests and retries", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 400 }), retries: fc.integer({ min: 0, max: 5 }) }), {
          maxLength: 400,
        }),
        fc.constantFrom(ONLINE_RETRY_BUDGET, HEDGE_BUDGET),
        (steps, rule) => {
          const budget = new RetryBudget(rule);
          const requests: number[] = [];
          const granted: number[] = [];
          let now = 1_000;
          for (const { afterMs, retries } of steps) {
            now += afterMs;
            budget.deposit(now);
            requests.push(now);
            for (let n = 0; n < retries; n++) if (budget.withdraw(now)) granted.push(now);
            // A window of ten slices reaches back between nine and ten slices.
            const surely = granted.filter((at) => at > now - rule.windowMs * 0.9).length;
            const atMost = requests.filter((at) => at > now - rule.windowMs).length;
            expect(surely).toBeLessThanOrEqual(rule.ratio * atMost + (rule.perSecond * rule.windowMs) / 1_000 + 1e-9);
          }
        },
      ),
    );
  });
});
