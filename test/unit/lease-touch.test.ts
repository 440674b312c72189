import { describe, expect, it } from "vitest";
import { LeaseTouch } from "../../workers/keeper/lease-touch.ts";

describe("a task with outside effects and its lease", () => {
  const bed = () => {
    const clock = { now: 10_000 };
    const done: string[] = [];
    const touch = new LeaseTouch({
      confirmedMs: 10_000,
      machineMs: () => clock.now,
      freeze: () => done.push("freeze"),
      thaw: () => done.push("thaw"),
    });
    const at = (now: number): string[] => {
      clock.now = now;
      touch.tick();
      return done.splice(0);
    };
    return { clock, touch, at, done };
  };

  it("LT1: is frozen when it could not be confirmed for a while, before another can get it", () => {
    const { touch, at } = bed();
    expect(at(11_700)).toEqual([]);
    touch.confirmed(11_500);
    expect(at(13_200)).toEqual([]);
    expect(at(13_300)).toEqual(["freeze"]);
    expect(at(13_400)).toEqual(["freeze"]); // The process may have come into being meanwhile.
  });

  it("LT2: goes on when the lease is confirmed again, but not on an answer that comes late", () => {
    const { touch, at, done } = bed();
    expect(at(20_000)).toEqual(["freeze"]);
    touch.confirmed(11_000); // asked long ago, heard now: after all of the machine hung
    expect(done).toEqual([]);
    touch.confirmed(19_900);
    expect(done.splice(0)).toEqual(["thaw"]);
    touch.confirmed(19_950);
    expect(at(20_100)).toEqual([]);
  });
});
