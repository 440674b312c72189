/** Who is refused at the door while Redis is away and comes back. */
import { describe, expect, it } from "vitest";
import { Admission } from "../../src/online/admission.ts";
import { Invocation, type InvokeOutcome } from "../../src/online/invocation.ts";
import { InvocationTable } from "../../src/online/invocation-table.ts";
import { TimerWheel } from "../../src/online/timer-wheel.ts";
import type { Verifier } from "../../src/online/verifier.ts";

const SLOTS = 10;
const RUN_MS = 50;

/** Nothing is sent here, so nothing is called back. */
const NOBODY: Pick<Verifier, "cancel" | "dismiss"> = { cancel: () => undefined, dismiss: () => undefined };

/** A door, ten slots behind it, and a clock that is moved by hand. */
class Door {
  nowMs = 0;
  usable = true;
  readonly #underWay: { readonly invocation: Invocation; readonly sentAtMs: number }[] = [];
  readonly ended: InvokeOutcome[] = [];
  readonly admission: Admission;
  readonly #table: InvocationTable;
  #count = 0;

  constructor() {
    const nowMs = (): number => this.nowMs;
    this.#table = new InvocationTable({
      wheel: new TimerWheel({ monotonicMs: nowMs, schedule: () => () => undefined }),
      verifier: NOBODY,
      nowMs,
      onEnd: (invocation) => this.admission.ended(invocation),
    });
    this.admission = new Admission({
      nowMs,
      random: () => 0,
      table: this.#table,
      hindrance: () => (this.usable ? null : { kind: "unavailable", detail: "Redis does not answer" }),
      isSilent: () => false,
      look: () => ({ slots: SLOTS, wayMs: 1 }),
      enter: (invocation) => this.#underWay.push({ invocation, sentAtMs: this.nowMs }),
    });
  }

  ask(): void {
    this.#count += 1;
    const invocation = new Invocation({
      request: {
        ...{ task: "work", input: "null", deadlineMs: 10_000 },
        definitions: [{ definition: "d", idempotent: true }],
      },
      ...{ id: `r${this.#count}`, api: "a", nowMs: this.nowMs, expiresAtMs: this.nowMs + 10_000 },
      events: { due: () => undefined, notPushed: () => undefined },
      resolve: (outcome) => this.ended.push(outcome),
    });
    this.admission.admit(invocation);
  }

  /** All that is under way is answered. */
  answer(): void {
    for (const { invocation, sentAtMs } of this.#underWay.splice(0)) {
      this.admission.answered("work", { runMs: RUN_MS, queueMs: this.nowMs - sentAtMs - RUN_MS });
      const timing = { queueMs: 0, runMs: RUN_MS, attempts: 1 };
      this.#table.finish(invocation, { kind: "answered", output: "null", timing, trace: [] });
    }
  }

  /** @param perSecond requests that come meanwhile */
  pass(ms: number, perSecond: number, answers: "come" | "do not come"): void {
    const untilMs = this.nowMs + ms;
    for (let turn = 1; this.nowMs < untilMs; turn += 1) {
      this.nowMs += RUN_MS;
      if (answers === "come") this.answer();
      for (let n = 0; n < (perSecond * RUN_MS) / 1_000; n += 1) this.ask();
      if (turn % 5 === 0 && this.usable) this.admission.refresh();
    }
  }

  get refused(): number {
    return this.ended.filter(({ kind }) => kind === "no_capacity").length;
  }
}

describe("a request that comes when Redis is back", () => {
  const afterAnOutage = (): Door => {
    const door = new Door();
    door.pass(2_000, 100, "come");
    door.usable = false;
    door.admission.redisIsAway();
    door.nowMs += 2_000;
    door.usable = true;
    door.admission.redisIsBack();
    return door;
  };

  it("D7: waits for the replicas to find it too", () => {
    const door = afterAnOutage();
    door.pass(1_500, 100, "do not come");
    expect(door.refused).toBe(0);
    door.pass(3_000, 100, "come");
    expect(door.refused).toBe(0);
    expect(door.ended.length).toBeGreaterThan(500);
  });

  it("D7: does not wait for replicas that never do", () => {
    const door = afterAnOutage();
    door.pass(6_000, 100, "do not come");
    expect(door.refused).toBeGreaterThan(0);
  });

  it("D7: is refused again for their silence once they have answered", () => {
    const door = afterAnOutage();
    door.pass(500, 100, "come");
    door.pass(2_500, 100, "do not come");
    expect(door.refused).toBeGreaterThan(0);
  });
});
