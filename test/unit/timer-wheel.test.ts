import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TICK_MS, TimerWheel, WheelTimer } from "../../src/online/timer-wheel.ts";

class Alarm extends WheelTimer {
  readonly #ring: () => void;
  constructor(ring: () => void) {
    super();
    this.#ring = ring;
  }
  override fire(): void {
    this.#ring();
  }
}

/** A wheel on a clock that only the test moves. */
class Bench {
  now = 1_000;
  #pending: { readonly atMs: number; readonly tick: () => void } | null = null;
  readonly later: (() => void)[] = [];
  readonly wheel = new TimerWheel({
    monotonicMs: () => this.now,
    schedule: (tick, ms) => {
      this.#pending = { atMs: this.now + ms, tick };
      return () => (this.#pending = null);
    },
    afterReading: (work) => void this.later.push(work),
  });

  get ticking(): boolean {
    return this.#pending !== null;
  }

  /** Moves the clock in small steps, as when the event loop turns. */
  pass(ms: number): void {
    const until = this.now + ms;
    while (this.#pending !== null && this.#pending.atMs <= until) {
      const { atMs, tick } = this.#pending;
      this.#pending = null;
      this.now = Math.max(this.now, atMs);
      tick();
    }
    this.now = until;
  }

  /** The process was held up: one late tick. */
  freeze(ms: number): void {
    this.now += ms;
    const pending = this.#pending;
    this.#pending = null;
    pending?.tick();
  }
}

describe("timer wheel", () => {
  it("W1: fires at or after its time, at most two ticks late", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 40 }), (delays) => {
        const bench = new Bench();
        const late: number[] = [];
        for (const delay of delays) {
          const due = bench.now + delay;
          bench.wheel.set(new Alarm(() => late.push(bench.now - due)), due);
        }
        bench.pass(31_000);
        expect(late).toHaveLength(delays.length);
        for (const ms of late) {
          expect(ms).toBeGreaterThanOrEqual(0);
          expect(ms).toBeLessThanOrEqual(2 * TICK_MS);
        }
      }),
    );
  });

  it("W2: after a pause of the process what has arrived is read first", () => {
    const bench = new Bench();
    const rung: string[] = [];
    const answered = new Alarm(() => rung.push("answered"));
    bench.wheel.set(answered, bench.now + 100);
    bench.wheel.set(new Alarm(() => rung.push("silent")), bench.now + 100);
    bench.freeze(5_000);
    expect(rung).toEqual([]);
    bench.wheel.cancel(answered); // Its answer lay in the socket.
    for (const work of bench.later) work();
    expect(rung).toEqual(["silent"]);
  });

  it("W3: does not tick without timers", () => {
    const bench = new Bench();
    expect(bench.ticking).toBe(false);
    const alarm = new Alarm(() => undefined);
    bench.wheel.set(alarm, bench.now + 1_000);
    expect(bench.ticking).toBe(true);
    bench.wheel.cancel(alarm);
    bench.pass(50);
    expect(bench.ticking).toBe(false);
    expect(bench.wheel.size).toBe(0);
  });

  it("can be set anew and called off, also by another timer of the same tick", () => {
    const bench = new Bench();
    const rung: string[] = [];
    const victim = new Alarm(() => rung.push("victim"));
    const moved = new Alarm(() => rung.push(`moved after ${bench.now - 1_000} ms`));
    const first = new Alarm(() => {
      bench.wheel.cancel(victim);
      bench.wheel.set(moved, bench.now + 500);
    });
    // Of one tick the latest set fires first.
    for (const alarm of [victim, moved, first]) bench.wheel.set(alarm, bench.now + 100);
    bench.pass(2_000);
    expect(rung).toEqual(["moved after 600 ms"]);
    expect(bench.wheel.size).toBe(0);
  });
});
