import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOverShare, judgeProspect, startsTooLate, type Prospect } from "../../src/domain/admission.ts";
import { ConcurrencyLimit } from "../../src/domain/concurrency-limit.ts";
import { ATTEMPT_ENDINGS } from "../../src/domain/online-retry.ts";
import { PRIORITY_ORDER, readPriority } from "../../src/domain/priority.ts";
import { WaitingRoom, type Guest, type Place } from "../../src/domain/waiting-room.ts";
import { STATUSES } from "../../src/online/wire.ts";
import { runModel, seeded, type ModelOptions } from "../support/fleet-model.ts";

interface Named extends Guest {
  readonly name: string;
}

function guest(name: string, options: Partial<Guest> = {}): Named {
  return { name, caller: "a", priority: "default", deadlineAtMs: 1_000, ...options };
}

function namesOf(room: WaitingRoom<Named>): string[] {
  return room.clear().map(({ name }) => name);
}

describe("the waiting room", () => {
  it("lets in by priority, then by turns of the callers, then by deadline, then by order", () => {
    const room = new WaitingRoom<Named>();
    for (const one of [
      guest("a1"),
      guest("a2"),
      guest("a3"),
      guest("a urgent", { deadlineAtMs: 10 }),
      guest("b1", { caller: "b" }),
      guest("c1", { caller: "c" }),
      guest("b2", { caller: "b" }),
      guest("shed", { priority: "sheddable", caller: "d" }),
      guest("critical", { priority: "critical" }),
    ]) {
      room.add(one);
    }
    expect(namesOf(room)).toEqual(["critical", "a urgent", "b1", "c1", "a1", "b2", "a2", "a3", "shed"]);
    expect(room.size).toBe(0);
  });

  it("lets nobody wait for more than one request of each other caller", () => {
    const room = new WaitingRoom<Named>();
    for (let n = 0; n < 1_000; n += 1) room.add(guest(`greedy ${n}`, { caller: "greedy" }));
    const late = guest("late", { caller: "modest" });
    expect(room.ahead(late)).toBe(1);
    room.add(late);
    expect([room.next()?.name, room.next()?.name]).toEqual(["greedy 0", "late"]);
    expect(room.ahead(guest("next", { caller: "greedy" }))).toBe(999);
  });

  it("passes over who has left, and says who would be sent away first", () => {
    const room = new WaitingRoom<Named>();
    const places = ["1", "2", "3", "4"].map((name) => room.add(guest(name)));
    room.add(guest("other", { caller: "b" }));
    expect(room.leave(places[1]!)).toBe(true);
    expect(room.leave(places[1]!)).toBe(false);
    expect(room.leastFavoured()).toMatchObject({ place: { guest: { name: "4" } }, of: 3 });
    room.add(guest("shed", { priority: "sheddable", caller: "c" }));
    expect(room.leastFavoured()).toMatchObject({ place: { guest: { name: "shed" } }, of: 1 });
    expect(namesOf(room)).toEqual(["1", "other", "3", "4", "shed"]);
  });

  it("keeps count and order, whoever comes and goes", () => {
    const comings = fc.record({
      caller: fc.constantFrom("a", "b", "c"),
      priority: fc.constantFrom(...PRIORITY_ORDER),
      deadlineAtMs: fc.nat(5),
      leaves: fc.boolean(),
      servesBefore: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(comings, { maxLength: 200 }), (all) => {
        const room = new WaitingRoom<Named>();
        const waiting = new Map<string, Place<Named>>();
        for (const [n, one] of all.entries()) {
          if (one.servesBefore) waiting.delete(room.next()?.name ?? "");
          const place = room.add(guest(`${n}`, one));
          waiting.set(`${n}`, place);
          if (one.leaves) {
            const [name, first] = [...waiting][Math.floor(waiting.size / 2)]!;
            expect(room.leave(first)).toBe(true);
            waiting.delete(name);
          }
          expect(room.size).toBe(waiting.size);
        }
        const left = room.clear();
        expect(left.map(({ name }) => name).sort()).toEqual([...waiting.keys()].sort());
        const ranks = left.map(({ priority }) => PRIORITY_ORDER.indexOf(priority));
        expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
      }),
    );
  });
});

describe("a prospect", () => {
  const prospect = (changes: Partial<Prospect>): Prospect => ({
    ahead: 0,
    rate: 1,
    runMs: 50,
    queueMs: 10,
    deadlineMs: 10_000,
    remainingMs: 10_000,
    urgency: "on the line",
    ...changes,
  });

  it("is let wait while nothing is known", () => {
    expect(judgeProspect(prospect({ rate: null, runMs: null, ahead: 9_999 })).kind).toBe("wait");
  });

  it("is refused when its turn would come too late to run before the deadline", () => {
    expect(judgeProspect(prospect({ remainingMs: 100, ahead: 38 })).kind).toBe("wait");
    expect(judgeProspect(prospect({ remainingMs: 100, ahead: 41 }))).toMatchObject({ kind: "refuse", expectedMs: 42 });
  });

  it("is refused when it would wait longer than a fifth of the deadline or twice the usual time, and told when to come back", () => {
    expect(judgeProspect(prospect({ ahead: 1_998 })).kind).toBe("wait");
    expect(judgeProspect(prospect({ ahead: 2_100 }))).toMatchObject({ kind: "refuse", retryAfterMs: 1_000 });
    expect(judgeProspect(prospect({ ahead: 6_000 }))).toMatchObject({ kind: "refuse", retryAfterMs: 4_001 });
    const long = { runMs: 10_000, rate: 0.0048, deadlineMs: 60_000, remainingMs: 60_000 };
    expect(judgeProspect(prospect({ ...long, ahead: 95 })).kind).toBe("wait");
    expect(judgeProspect(prospect({ ...long, ahead: 97 })).kind).toBe("refuse");
  });

  it("of which nobody waits on the line may wait as long as its deadline allows", () => {
    const patient = { urgency: "in turn", deadlineMs: 600_000, remainingMs: 600_000 } as const;
    expect(judgeProspect(prospect({ ...patient, ahead: 590_000 })).kind).toBe("wait");
    expect(judgeProspect(prospect({ ...patient, ahead: 600_000 })).kind).toBe("refuse");
  });

  it("does not start what cannot end in time, as far as is known", () => {
    expect(startsTooLate(40, 50)).toBe(true);
    expect(startsTooLate(60, 50)).toBe(false);
    expect(startsTooLate(1, null)).toBe(false);
    expect(startsTooLate(0, null)).toBe(true);
  });

  it("of a caller with more than its share is that caller's fault, while there are others", () => {
    expect(isOverShare(100, 100, 1)).toBe(false);
    expect(isOverShare(100, 110, 2)).toBe(true);
    expect(isOverShare(10, 110, 2)).toBe(false);
    expect(isOverShare(0, 110, 3)).toBe(false);
  });
});

describe("the table of retries", () => {
  it("knows every way in which a replica may end an attempt", () => {
    const answers = STATUSES.filter((status) => !["ok", "taken", "gone"].includes(status));
    expect(answers.filter((status) => !(status in ATTEMPT_ENDINGS))).toEqual([]);
  });
});

describe("a priority", () => {
  it("is one of three words", () => {
    expect(["critical", "default", "sheddable"].map(readPriority)).toEqual(PRIORITY_ORDER);
    for (const word of ["", "Critical", "high", "constructor", "critical, default"])
      expect(readPriority(word)).toBeNull();
  });
});

describe("the concurrency limit", () => {
  const random = seeded(7);
  const around = (ms: number) => (): number => ms * (0.5 + random());
  const model = (options: Partial<ModelOptions>): ReturnType<typeof runModel> =>
    runModel({
      servers: 48,
      slots: 48,
      runMs: around(50),
      wayMs: 1,
      processes: 1,
      clients: 200,
      seconds: 40,
      fromSecond: 10,
      ...options,
    });

  it("does not throttle short requests: 64 and 256 at a time go as fast as they can", () => {
    for (const clients of [64, 256]) {
      const { perSecond } = model({ servers: 3, runMs: () => 0.1, clients, seconds: 4, fromSecond: 1 });
      expect(perSecond).toBeGreaterThan(0.99 * 30_000);
    }
  });

  it("keeps all busy and the queue short, whatever a request takes", () => {
    for (const [runMs, seconds] of [
      [1, 10],
      [50, 40],
      [1_000, 100],
      [10_000, 600],
    ] as const) {
      const { perSecond, queueMs } = model({ runMs: around(runMs), seconds, fromSecond: seconds / 4 });
      const most = 48_000 / runMs;
      expect(perSecond).toBeGreaterThan(0.97 * most);
      expect(queueMs).toBeLessThan(Math.max(15, 2_000 / most));
    }
  });

  it("finds out that handlers compute, and so run one after the other, whatever slots are announced", () => {
    for (const [runMs, seconds, share] of [
      [1, 20, 0.97],
      [50, 60, 0.97],
      [1_000, 300, 0.9],
    ] as const) {
      const { perSecond, limits } = model({ servers: 3, runMs: around(runMs), seconds, fromSecond: seconds / 4 });
      expect(perSecond).toBeGreaterThan((share * 3_000) / runMs);
      expect(limits[0]).toBeLessThan(3 * (1 + 60 / runMs) + 5);
    }
  });

  it("lets eight processes share the replicas without a long queue", () => {
    const { perSecond, queueMs, limits } = model({
      processes: 8,
      clients: 100,
      runMs: () => -50 * Math.log(1 - random()),
    });
    expect(perSecond).toBeGreaterThan(0.97 * 960);
    expect(queueMs).toBeLessThan(250);
    expect(Math.min(...limits)).toBeGreaterThan(1);
  });

  it("takes a long way to the replicas for no queue", () => {
    const { perSecond } = model({ runMs: around(10), wayMs: 60, clients: 400 });
    expect(perSecond).toBeGreaterThan(0.97 * 4_800);
  });

  it("takes the slowness of a busy machine for no queue, also when it comes later", () => {
    for (const since of [0, 20_000]) {
      const lagMs = (atMs: number): number => (atMs < since ? 0 : 60);
      const { perSecond } = model({ runMs: around(30), clients: 20, lagMs, fromSecond: 25, seconds: 50 });
      expect(perSecond).toBeGreaterThan((0.9 * 20_000) / 91);
    }
  });

  it("gives way to replicas that push back, and tries again from time to time", () => {
    const { perSecond, pushedBack } = model({ pushesBack: (running) => running >= 20 });
    expect(perSecond).toBeGreaterThan(0.85 * 400);
    expect(pushedBack).toBeLessThan(0.25);
  });

  it("follows the number of slots, and does not forget it while nobody is seen", () => {
    const limit = new ConcurrencyLimit(0);
    limit.setSlots(48);
    expect(limit.limit).toBe(48);
    limit.setSlots(32);
    limit.setSlots(0);
    expect(limit.limit).toBe(32);
  });

  it("learns nothing from a load that does not reach it", () => {
    const limit = new ConcurrencyLimit(0);
    limit.setSlots(48);
    for (let n = 1; n <= 100; n += 1) {
      limit.handedOver(1, n * 60 - 51);
      limit.answered({ runMs: 50, queueMs: 1 }, 0, n * 60);
    }
    expect(limit.limit).toBe(48);
    limit.looked(6_000);
    expect(limit.rate()).toBeCloseTo(48 / 51, 5);
  });

  it("expects less of replicas that have fallen silent", () => {
    const limit = new ConcurrencyLimit(0);
    limit.setSlots(10);
    for (let n = 1; n <= 10; n += 1) limit.answered({ runMs: 50, queueMs: 0 }, 10, 100 + n);
    limit.looked(150);
    expect(limit.rate()).toBeGreaterThan(0.1);
    limit.looked(10_110);
    expect(limit.rate()).toBeCloseTo(0.001, 4);
  });

  it("Q8: counts no time in which nothing was under way", () => {
    const limit = new ConcurrencyLimit(0);
    limit.setSlots(10);
    for (let n = 1; n <= 10; n += 1) limit.answered({ runMs: 50, queueMs: 0 }, 10, 100 + n);
    // A quiet minute, and a burst: at first nothing is answered yet …
    for (let n = 1; n <= 10; n += 1) limit.handedOver(n, 60_000);
    limit.looked(60_000);
    expect(limit.rate()).toBeCloseTo(10 / 50, 2);
    // … and then some are, and as many as allowed are under way.
    for (let round = 1; round <= 3; round += 1) {
      for (let n = 1; n <= 10; n += 1) limit.answered({ runMs: 50, queueMs: 0 }, 10, 60_000 + 50 * round);
    }
    expect(limit.rate()).toBeGreaterThan(0.1);
  });

  it("holds no silence against them in which nothing could come", () => {
    const limit = new ConcurrencyLimit(0);
    limit.setSlots(10);
    for (let n = 1; n <= 10; n += 1) limit.answered({ runMs: 50, queueMs: 0 }, 10, 100 + n);
    limit.excuse(10_000);
    limit.looked(10_110);
    expect(limit.rate()).toBeGreaterThan(0.1);
  });

  it("Q7: holds none against them while this process did not look", () => {
    const limit = new ConcurrencyLimit(0);
    limit.setSlots(10);
    limit.looked(100);
    for (let n = 1; n <= 10; n += 1) limit.answered({ runMs: 50, queueMs: 0 }, 10, 100 + n);
    // Ten seconds later, before the first look.
    expect(limit.rate()).toBeGreaterThan(0.1);
  });
});
