import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { goodputOf, splitAttempt, wholeMs, type AttemptAccount } from "../../src/domain/goodput.ts";

const ms = fc.double({ min: 0, max: 1e9, noNaN: true });
const account = fc.record<AttemptAccount>({ restoreMs: fc.option(ms), checkpointMs: ms, keptMs: ms });
const ending = fc.constantFrom("kept" as const, "lost" as const);
const sum = (parts: Readonly<Record<string, number>>): number =>
  Object.values(parts).reduce((all, part) => all + part, 0);

describe("the time of an attempt", () => {
  it("GP1: adds up to the whole, to the millisecond, whatever its keeper has measured", () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.option(account), ending, ms, (elapsed, measured, how, silent) => {
        const parts = splitAttempt(elapsed, measured, how, silent);
        expect(sum(parts)).toBe(elapsed);
        for (const part of Object.values(parts)) expect(part).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  const measured = { restoreMs: 1_000, checkpointMs: 500, keptMs: 6_000 };

  it("GP2: was useful as far as a checkpoint or the end has kept it", () => {
    expect(splitAttempt(10_000, measured, "kept", 0)).toMatchObject({ useful: 8_500, redone: 0 });
    expect(splitAttempt(10_000, measured, "lost", 0)).toMatchObject({ useful: 6_000, redone: 2_500 });
  });

  it("GP3: went to detecting after the last sign of life of a lost worker", () => {
    expect(splitAttempt(13_000, measured, "lost", 3_000)).toEqual({
      restore: 1_000,
      checkpoint: 500,
      useful: 6_000,
      redone: 2_500,
      detect: 3_000,
    });
  });

  it("went to restoring as long as the task did not stand", () => {
    expect(splitAttempt(900, null, "lost", 0)).toMatchObject({ restore: 900 });
    expect(splitAttempt(900, { ...measured, restoreMs: null }, "lost", 100)).toMatchObject({
      restore: 800,
      detect: 100,
    });
  });
});

describe("goodput", () => {
  const spent = { useful: 80, checkpoint: 5, restore: 5, redone: 5, detect: 3, queued: 2, held: 900 };

  it("is the useful share of all time but what somebody held the job back for", () => {
    expect(wholeMs(spent)).toBe(1_000);
    expect(goodputOf(spent)).toBe(0.8);
  });

  it("is not known before any time has passed", () => {
    expect(goodputOf({ ...spent, useful: 0, checkpoint: 0, restore: 0, redone: 0, detect: 0, queued: 0 })).toBeNull();
  });
});
