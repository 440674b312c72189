import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EJECTION_TRANSITIONS,
  EjectionCase,
  mayPark,
  mayStayParked,
  misconduct,
  mostParked,
  slowBarMs,
  wellBarMs,
} from "../../src/domain/ejection.ts";
import { Parking } from "../../src/domain/parking.ts";
import { TrackRecord, type Conduct, type Tally } from "../../src/domain/track-record.ts";

const tally = (good: number, slow = 0, failed = 0): Tally => ({ good, slow, failed });
const conduct = (quick: Tally, lasting: Tally = quick, overdue = 0): Conduct => ({ quick, lasting, overdue });
const well = conduct(tally(10), tally(200));

describe("track record", () => {
  it("O1: forgets the half second after two slices, the rest after forty", () => {
    const record = new TrackRecord();
    for (let n = 0; n < 7; n += 1) record.slow();
    record.good();
    record.failed();
    expect(record.turn(3)).toEqual(conduct(tally(1, 7, 1), tally(1, 7, 1), 3));
    expect(record.turn(0).quick).toEqual(tally(1, 7, 1));
    expect(record.turn(0)).toEqual(conduct(tally(0), tally(1, 7, 1)));
    for (let n = 0; n < 40; n += 1) record.turn(0);
    expect(record.conduct).toEqual(conduct(tally(0)));
  });

  it("forgets all when whoever looked was not able to", () => {
    const record = new TrackRecord();
    record.slow();
    record.forget();
    expect(record.conduct).toEqual(conduct(tally(0)));
  });
});

describe("misconduct", () => {
  it("is five attempts too slow within half a second, while peers do well: answered, overtaken or still open", () => {
    expect(misconduct(conduct(tally(0, 5), tally(100, 5)), [well, well], "serving")).toBe("slow");
    expect(misconduct(conduct(tally(0, 2), tally(100, 2), 3), [well, well], "serving")).toBe("slow");
    expect(misconduct(conduct(tally(0, 4), tally(100, 4)), [well, well], "serving")).toBeNull();
  });

  it("is what lasts, too, so that a little traffic is judged", () => {
    const little = conduct(tally(1), tally(9));
    expect(misconduct(conduct(tally(0, 1), tally(1, 6)), [little, little], "serving")).toBe("slow");
  });

  it("is failing where peers do not fail", () => {
    expect(misconduct(conduct(tally(1, 0, 6)), [well, well], "serving")).toBe("failing");
    const alike = conduct(tally(1, 0, 6), tally(20, 0, 30));
    expect(misconduct(conduct(tally(1, 0, 6)), [alike, alike], "serving")).toBeNull();
  });

  it("is not a hiccup: half of what it did has to be bad", () => {
    expect(misconduct(conduct(tally(12, 6), tally(200, 6)), [well, well], "serving")).toBeNull();
  });

  it("X1: is nothing that everybody does, and nothing without peers that work", () => {
    const slow = conduct(tally(0, 20), tally(100, 20));
    expect(misconduct(slow, [slow, slow], "serving")).toBeNull();
    expect(misconduct(slow, [], "serving")).toBeNull();
    expect(misconduct(slow, [conduct(tally(0))], "serving")).toBeNull();
  });

  it("is seen beside a second one that does as badly, as long as half of the peers do well", () => {
    const slow = conduct(tally(0, 20), tally(100, 20));
    expect(misconduct(slow, [slow, well], "serving")).toBe("slow");
  });

  it("is found sooner in one on trial", () => {
    expect(misconduct(conduct(tally(0, 3)), [well], "trial")).toBe("slow");
  });
});

describe("bars", () => {
  it("leave room between what is slow and what is well, whatever the peers do", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 60_000, noNaN: true }), (p95) => {
        expect(wellBarMs(p95)).toBeGreaterThan(p95);
        expect(slowBarMs(p95)).toBeGreaterThan(wellBarMs(p95));
      }),
    );
  });

  it("blame nobody while nothing is known of the peers", () => {
    expect(slowBarMs(null)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("X2: never so many that the rest drown", () => {
  const room = { replicas: 3, parked: 0, restUsed: 10, restSlots: 32, displaced: 2 };

  it("of three one, of two one, of one none, and always a minority of more", () => {
    expect([1, 2, 3, 4, 5, 7].map(mostParked)).toEqual([0, 1, 1, 1, 2, 3]);
    expect(mayPark(room)).toBe(true);
    expect(mayPark({ ...room, parked: 1 })).toBe(false);
  });

  it("of those that several processes have parked together, all let the same ones go; the last one serves", () => {
    expect([...mayStayParked(["r3", "r1"], 3)]).toEqual(["r1"]);
    expect([...mayStayParked(["r1", "r3"], 3)]).toEqual(["r1"]);
    expect([...mayStayParked(["r1"], 1)]).toEqual([]);
  });

  it("only while the others can carry what it carried", () => {
    expect(mayPark({ ...room, restUsed: 28 })).toBe(false);
    expect(mayPark({ ...room, displaced: 20 })).toBe(false);
  });
});

describe("a replica's case", () => {
  const parkedOnce = (): EjectionCase => {
    const one = new EjectionCase(0);
    one.park("slow", 0);
    return one;
  };
  const prove = (one: EjectionCase, nowMs: number): void => {
    for (let n = 0; n < 3; n += 1) one.proof("well", nowMs);
  };

  it("X3: comes back after its time and three canaries in a row, not before either", () => {
    const one = parkedOnce();
    expect(one.proves(6_999)).toBe(false);
    expect(one.proves(7_000)).toBe(true);
    prove(one, 8_000);
    expect(one.pass(9_999)).toBe("stays");
    expect(one.pass(10_000)).toBe("returns");
    expect(one.state).toBe("trial");
    expect(one.pass(20_000)).toBe("stays");
    expect(one.state).toBe("serving");
  });

  it("begins its row anew after a bad canary, and its time after three", () => {
    const one = parkedOnce();
    one.proof("well", 7_000);
    one.proof("well", 8_000);
    one.proof("badly", 9_000);
    expect(one.pass(10_000)).toBe("stays");
    one.proof("badly", 10_000);
    one.proof("badly", 11_000);
    expect(one).toMatchObject({ state: "parked", times: 2, timeOutMs: 20_000 });
    prove(one, 30_000);
    expect(one.pass(30_999)).toBe("stays");
    expect(one.pass(31_000)).toBe("returns");
  });

  it("X3: is out longer each time, two minutes at most; X4: serving well shortens that again", () => {
    const one = parkedOnce();
    let now = 0;
    for (let times = 2; times < 15; times += 1) {
      now += 200_000;
      prove(one, now);
      one.pass(now);
      one.park("slow", now + 1_000);
    }
    expect(one.timeOutMs).toBe(120_000);
    now += 200_000;
    prove(one, now);
    one.pass(now);
    one.pass(now + 10_000);
    one.park("slow", now + 10_000 + 120_000);
    expect(one.times).toBe(11);
  });

  it("is let back unproven when the others drown, or too many are out", () => {
    const one = parkedOnce();
    one.release("drowning", 500);
    expect(one.state).toBe("trial");
  });

  it("has no way out of a state but those of the table", () => {
    expect(Object.keys(EJECTION_TRANSITIONS)).toEqual(["serving", "parked", "trial"]);
    expect(() => parkedOnce().park("slow", 1)).toThrow(/parked/);
  });
});

describe("being parked", () => {
  it("K1: ends by itself when whoever ordered it does not repeat it", () => {
    const parking = new Parking();
    parking.order("api", 3_000, 0);
    expect(parking.isParked(2_999)).toBe(true);
    expect(parking.isParked(3_000)).toBe(false);
  });

  it("K2: lasts while any API process wants it", () => {
    const parking = new Parking();
    parking.order("one", 3_000, 0);
    parking.order("other", 3_000, 1_000);
    parking.order("one", 0, 1_500);
    expect(parking.isParked(3_900)).toBe(true);
    expect(parking.isParked(4_000)).toBe(false);
  });

  it("K3: begins again slowly, and is free in the end", () => {
    const parking = new Parking();
    expect(parking.limit(16, 0)).toBe(16);
    parking.order("api", 3_000, 0);
    parking.order("api", 0, 1_000);
    expect([1_000, 1_499, 1_500, 2_000, 3_000].map((now) => parking.limit(16, now))).toEqual([1, 1, 2, 4, 16]);
    expect(parking.limit(16, 1_000)).toBe(16);
  });

  it("takes no notice of a release by somebody who ordered nothing", () => {
    const parking = new Parking();
    parking.order("api", 0, 0);
    expect(parking.limit(16, 1)).toBe(16);
  });
});
