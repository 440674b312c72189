import { describe, expect, test } from "vitest";
import { StoreFault } from "../../src/checkpoints/checkpoints.ts";
import type { CheckpointInterval } from "../../src/domain/checkpoint-interval.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { AgentLink } from "../../workers/keeper/agent-link.ts";
import { CheckpointCadence } from "../../workers/keeper/checkpoint-cadence.ts";
import type { FromKeeper, KeeperReply } from "../../workers/keeper/protocol.ts";
import { TimeAccount } from "../../workers/keeper/time-account.ts";
import { untilStored } from "../../workers/keeper/store-patience.ts";

/** A clock that only sleeping moves. */
class SleepClock implements Clock {
  now = 0;
  readonly slept: number[] = [];
  nowMs(): number {
    return this.now;
  }
  monotonicMs(): number {
    return this.now;
  }
  sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    this.now += ms;
    return Promise.resolve();
  }
}

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the link to the agent", () => {
  const bed = (replies: KeeperReply[]) => {
    const clock = new SleepClock();
    const sent: FromKeeper[] = [];
    const link = new AgentLink({
      clock,
      send: (message) => {
        sent.push(message);
        const reply = replies.shift();
        if (message.kind === "request" && reply !== undefined) queueMicrotask(() => link.take(message.id, reply));
      },
    });
    return { clock, sent, link };
  };
  const away: KeeperReply = { kind: "unreachable", detail: "away" };

  test("AL1: asks again while Redis is away, ever more slowly, with a new id each time", async () => {
    const { clock, sent, link } = bed([away, away, away, away, away, { kind: "ok" }]);
    expect(await link.request({ kind: "verify" }, never)).toEqual({ kind: "ok" });
    expect(clock.slept).toEqual([250, 500, 1_000, 2_000, 2_000]);
    expect(new Set(sent.map((message) => (message.kind === "request" ? message.id : 0))).size).toBe(6);
  });

  test("AL2: does not ask again after a refusal", async () => {
    const { sent, link } = bed([{ kind: "refused", detail: "fence" }]);
    expect(await link.request({ kind: "verify" }, never)).toEqual({ kind: "refused", detail: "fence" });
    expect(sent).toHaveLength(1);
  });

  test("waits for a reply that is under way, but does not ask again, once nobody wants it", async () => {
    const { link, sent } = bed([]);
    const stop = new AbortController();
    const asked = link.request({ kind: "verify" }, stop.signal);
    stop.abort();
    await turn();
    link.take(1, away);
    expect(await asked).toEqual({ kind: "given_up" });
    expect(sent).toHaveLength(1);
    expect(await link.request({ kind: "verify" }, stop.signal)).toEqual({ kind: "given_up" });
    expect(sent).toHaveLength(1);
  });

  test("Q3: is silent after it was closed", async () => {
    const { link, sent } = bed([]);
    const asked = link.request({ kind: "verify" }, never);
    link.close();
    expect(await asked).toEqual({ kind: "given_up" });
    link.say({ kind: "alive", account: { restoreMs: null, checkpointMs: 0, keptMs: 0 } });
    expect(await link.request({ kind: "verify" }, never)).toEqual({ kind: "given_up" });
    expect(sent).toHaveLength(1);
  });
});

describe("the cadence of checkpoints", () => {
  const bed = (wanted: "auto" | number, endsAtMs = Infinity) => {
    const clock = new SleepClock();
    const chosen: CheckpointInterval[] = [];
    const cadence = new CheckpointCadence({
      clock,
      wanted,
      bounds: { minMs: 1_000, maxMs: 60_000 },
      cost: null,
      mtbfMs: 3_600_000,
      endsAtMs,
      onChosen: (interval) => chosen.push(interval),
    });
    const at = async (ms: number, wanting: Promise<void>): Promise<boolean> => {
      clock.now = ms;
      cadence.tick();
      let came = false;
      void wanting.then(() => (came = true));
      await turn();
      return came;
    };
    return { clock, cadence, at, chosen };
  };
  const cost = (blockedMs: number) => ({ blockedMs, totalMs: blockedMs });

  test("CD1: counts from the end of the last one", async () => {
    const { cadence, at, clock } = bed(500);
    const wanted = cadence.wanted(never);
    expect(await at(10_000, wanted)).toBe(false); // It has not begun.
    cadence.begin();
    expect(await at(10_499, wanted)).toBe(false);
    expect(await at(10_500, wanted)).toBe(true);
    clock.now = 20_000;
    cadence.taken(cost(1));
    expect(await at(20_499, cadence.wanted(never))).toBe(false);
  });

  test("CD2: left to Cairn it follows the cost and the rate of losses, and tells what it chose", async () => {
    const { cadence, at, chosen } = bed("auto");
    cadence.begin();
    const first = cadence.wanted(never);
    expect(await at(999, first)).toBe(false);
    expect(await at(1_000, first)).toBe(true);
    cadence.taken(cost(50));
    const dear = chosen.at(-1)?.ms ?? 0;
    expect(chosen.map(({ why }) => why)).toEqual(["first", "optimum"]);
    expect(dear).toBeGreaterThan(15_000);
    const second = cadence.wanted(never);
    expect(await at(10_000, second)).toBe(false);
    cadence.lossesEvery(60_000); // Workers die like flies now: the interval under way is shortened.
    expect(chosen.at(-1)).toMatchObject({ mtbfMs: 60_000, costMs: 50, why: "optimum" });
    expect(await at(10_000, second)).toBe(true);
  });

  test("CD3: takes one early before the attempt has to end, and only one", async () => {
    const { cadence, at } = bed(10_000, 25_000);
    cadence.begin();
    const first = cadence.wanted(never);
    expect(await at(10_000, first)).toBe(true);
    cadence.taken(cost(1_000));
    expect(await at(20_000, cadence.wanted(never))).toBe(true);
    const early = bed(60_000, 25_000);
    early.cadence.begin();
    const only = early.cadence.wanted(never);
    expect(await early.at(23_999, only)).toBe(false);
    expect(await early.at(24_000, only)).toBe(true);
    early.cadence.taken(cost(1));
    expect(await early.at(24_999, early.cadence.wanted(never))).toBe(false);
  });

  test("one that failed is tried again soon, then ever more slowly", () => {
    const { cadence, chosen } = bed(60_000);
    cadence.begin();
    for (let n = 0; n < 3; n += 1) cadence.failed();
    expect(chosen.map(({ ms }) => ms)).toEqual([60_000, 1_000, 2_000, 4_000]);
    expect(chosen.at(-1)?.why).toBe("again");
    cadence.taken(cost(1));
    expect(chosen.at(-1)).toMatchObject({ ms: 60_000, why: "fixed" });
  });

  test("one that is asked for while another is taken comes after it; two requests are one", async () => {
    const { cadence, at } = bed(60_000);
    cadence.ask();
    cadence.ask();
    await cadence.wanted(never);
    const next = cadence.wanted(never);
    expect(await at(1, next)).toBe(false);
    cadence.ask();
    expect(await at(2, next)).toBe(true);
  });

  test("nobody waits after the end", async () => {
    const { cadence } = bed(60_000);
    const end = new AbortController();
    const wanted = cadence.wanted(end.signal);
    end.abort();
    await wanted;
    await cadence.wanted(end.signal);
  });
});

describe("the account of an attempt's time", () => {
  const bed = () => {
    const clock = new SleepClock();
    return { clock, time: new TimeAccount(clock) };
  };

  test("TA1: computing counts as kept when its checkpoint is committed", () => {
    const { clock, time } = bed();
    expect(time.report()).toEqual({ restoreMs: null, checkpointMs: 0, keptMs: 0 });
    clock.now = 1_000;
    time.ready();
    clock.now = 6_000;
    time.stood(200);
    const computed = time.computedMs();
    expect(computed).toBe(4_800);
    clock.now = 9_000; // stored meanwhile
    expect(time.report()).toEqual({ restoreMs: 1_000, checkpointMs: 200, keptMs: 0 });
    expect(time.report(computed).keptMs).toBe(4_800);
    time.kept(computed);
    expect(time.report().keptMs).toBe(4_800);
    expect(time.computedMs()).toBe(7_800);
  });

  test("TA3: the start of the keeper belongs to the time until the first step, not to what was computed", () => {
    const clock = new SleepClock();
    const time = new TimeAccount(clock, 400);
    clock.now = 600;
    time.ready();
    clock.now = 1_600;
    expect(time.report().restoreMs).toBe(1_000);
    expect(time.computedMs()).toBe(1_000);
  });

  test("TA2: nothing is computed after the end, however long it takes to store", () => {
    const { clock, time } = bed();
    time.ready();
    clock.now = 5_000;
    time.still();
    clock.now = 7_000;
    expect(time.computedMs()).toBe(5_000);
    expect(time.report().checkpointMs).toBe(2_000);
  });
});

describe("patience with a store", () => {
  const failing = (times: number) => {
    let left = times;
    return () => (left-- > 0 ? Promise.reject(new StoreFault("unavailable", "away")) : Promise.resolve("there"));
  };

  test("tries again until it is there", async () => {
    const clock = new SleepClock();
    expect(await untilStored({ clock, signal: never, patienceMs: 60_000 }, failing(4))).toBe("there");
    expect(clock.slept).toEqual([200, 400, 800, 1_600]);
  });

  test("ends after its time, at once when nobody wants it any more, and for any other error", async () => {
    const clock = new SleepClock();
    await expect(untilStored({ clock, signal: never, patienceMs: 10_000 }, failing(1_000))).rejects.toThrow("away");
    expect(clock.now).toBeGreaterThanOrEqual(10_000);
    expect(clock.now).toBeLessThan(20_000);
    const gone = AbortSignal.abort();
    await expect(untilStored({ clock, signal: gone, patienceMs: 60_000 }, failing(1))).rejects.toThrow("away");
    await expect(
      untilStored({ clock, signal: never, patienceMs: 60_000 }, () => Promise.reject(new Error("bug"))),
    ).rejects.toThrow("bug");
  });
});
