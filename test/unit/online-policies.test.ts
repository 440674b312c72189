import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hedgeDelayMs, looksLost, MIN_HEDGE_DELAY_MS, typicalP95Ms } from "../../src/domain/hedge.ts";
import { LatencyWindow } from "../../src/domain/latency-window.ts";
import { chooseReplica } from "../../src/domain/replica-choice.ts";

describe("latency window", () => {
  it("forgets what is older than the window", () => {
    const window = new LatencyWindow(4);
    for (const ms of [1_000, 1_000, 1, 2, 3, 4]) window.record(ms);
    expect(window.size).toBe(4);
    expect(window.quantile(1)).toBe(4);
    expect(window.quantile(0.5)).toBe(2);
  });

  it("counts what is unfinished as if it ended now", () => {
    const window = new LatencyWindow(4);
    expect(window.quantile(0.95)).toBeNull();
    expect(window.quantile(0.95, [30])).toBe(30);
    window.record(1);
    expect(window.quantile(1, [30])).toBe(30);
  });

  it("gives the nearest rank of any samples", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 }),
        (samples) => {
          const window = new LatencyWindow(64);
          for (const ms of samples) window.record(ms);
          const p95 = window.quantile(0.95) ?? -1;
          expect(samples.filter((ms) => ms <= p95).length).toBeGreaterThanOrEqual(0.95 * samples.length);
          expect(samples).toContain(p95);
        },
      ),
    );
  });
});

describe("hedge delay", () => {
  it("is a quarter of the deadline while nothing is known", () => {
    expect(hedgeDelayMs(typicalP95Ms([]), 10_000)).toBe(2_500);
  });

  it("is not moved by one slow replica", () => {
    expect(hedgeDelayMs(typicalP95Ms([50, 52, 5_000]), 10_000)).toBe(52);
    expect(hedgeDelayMs(typicalP95Ms([50, 5_000]), 10_000)).toBe(50);
  });

  it("has a floor", () => {
    expect(hedgeDelayMs(typicalP95Ms([0.2, 0.3, 0.2]), 10_000)).toBe(MIN_HEDGE_DELAY_MS);
  });
});

describe("an attempt that looks lost", () => {
  it("is one that nobody has announced in time, or whose replica has missed a beat", () => {
    expect(looksLost({ ageMs: 15, silenceMs: null })).toBe(false);
    expect(looksLost({ ageMs: 60, silenceMs: null })).toBe(true);
    expect(looksLost({ ageMs: 5_000, silenceMs: 250 })).toBe(false);
    expect(looksLost({ ageMs: 5_000, silenceMs: 600 })).toBe(true);
  });
});

describe("choice of a replica", () => {
  const replicas = [
    { id: "a1", worker: "a", load: 0.1 },
    { id: "a2", worker: "a", load: 0.2 },
    { id: "b1", worker: "b", load: 0.9 },
    { id: "c1", worker: "c", load: 0.5 },
  ];
  const tried = (...ids: string[]) => ({
    replicas: new Set(ids),
    workers: new Set(replicas.filter(({ id }) => ids.includes(id)).map(({ worker }) => worker)),
  });

  it("H1: never one that was tried; null when all were", () => {
    expect(chooseReplica(replicas, tried("a1", "a2", "b1", "c1"), Math.random)).toBeNull();
    expect(chooseReplica(replicas, tried("a1", "a2", "b1"), Math.random)?.id).toBe("c1");
  });

  it("H2: another worker before another replica of the same one, however loaded", () => {
    for (let draw = 0; draw < 50; draw++) {
      expect(["b1", "c1"]).toContain(chooseReplica(replicas, tried("a1"), Math.random)?.id);
    }
    expect(chooseReplica(replicas, tried("a1", "b1", "c1"), Math.random)?.id).toBe("a2");
  });

  it("takes the less loaded of the two drawn, so the most loaded of many is never chosen", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 2, maxLength: 2 }), (draws) => {
        let at = 0;
        const chosen = chooseReplica(replicas, tried(), () => draws[at++] ?? 0);
        expect(chosen?.id).not.toBe("b1");
      }),
    );
  });
});
