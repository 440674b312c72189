import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EMPTY_LANE, enter, leave, RANKS, ticketPlace, type Lane } from "../../src/domain/fair-share.ts";

interface Waiting {
  readonly caller: string;
  readonly rank: number;
  readonly order: number;
}

/** A lane with its jobs: whoever is drawn has the lowest rank, then came first. */
class Line {
  #lane: Lane = EMPTY_LANE;
  #jobs: Waiting[] = [];
  #count = 0;

  submit(caller: string, jobs = 1): void {
    for (let n = 0; n < jobs; n += 1) {
      const { lane, rank } = enter(this.#lane, caller);
      this.#lane = lane;
      this.#jobs.push({ caller, rank, order: this.#count++ });
    }
  }

  draw(): Waiting | null {
    const [first] = this.#jobs.toSorted((a, b) => a.rank - b.rank || a.order - b.order);
    if (first === undefined) return null;
    this.#jobs = this.#jobs.filter((job) => job !== first);
    this.#lane = leave(this.#lane, first.caller, first.rank, "drawn");
    return first;
  }

  drawCallers(count: number): string {
    return Array.from({ length: count }, () => this.draw()?.caller ?? "-").join("");
  }

  withdrawAll(caller: string): void {
    for (const job of this.#jobs.filter((one) => one.caller === caller)) {
      this.#lane = leave(this.#lane, caller, job.rank, "withdrawn");
    }
    this.#jobs = this.#jobs.filter((one) => one.caller !== caller);
  }
}

describe("fair shares of callers", () => {
  it("FS1: one job of b waits for one of a's thousand, whenever it comes", () => {
    const line = new Line();
    line.submit("a", 1_000);
    line.submit("b");
    expect(line.drawCallers(3)).toBe("aba");
    line.drawCallers(500);
    line.submit("b");
    expect(line.drawCallers(2)).toContain("b");
  });

  it("callers that all have much to do take turns", () => {
    const line = new Line();
    line.submit("a", 100);
    line.submit("b", 100);
    line.submit("c", 100);
    expect(line.drawCallers(9)).toBe("abcabcabc");
  });

  it("FS2: jobs of one caller go in their order", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "b", "c", "draw"), { maxLength: 200 }), (steps) => {
        const line = new Line();
        const last = new Map<string, number>();
        const check = (job: Waiting | null): void => {
          if (job === null) return;
          expect(job.order).toBeGreaterThan(last.get(job.caller) ?? -1);
          last.set(job.caller, job.order);
        };
        for (const step of steps) {
          if (step === "draw") check(line.draw());
          else line.submit(step);
        }
      }),
    );
  });

  it("FS3: who was away has saved nothing up, and who took its jobs back does not pay for them", () => {
    const line = new Line();
    line.submit("a", 50);
    line.drawCallers(40);
    line.submit("b", 50);
    expect(line.drawCallers(10)).toMatch(/^(ab|ba){5}$/);
    line.withdrawAll("b");
    line.submit("b");
    expect(line.drawCallers(2)).toContain("b");
  });

  it("FS4, FS5: a kept rank is not behind the present, and an empty lane begins anew", () => {
    let { lane, rank } = enter(EMPTY_LANE, "a");
    lane = leave(lane, "a", rank, "drawn");
    expect(lane).toBe(EMPTY_LANE);
    ({ lane, rank } = enter({ ...EMPTY_LANE, present: 7 }, "a", 3));
    expect(rank).toBe(3);
    ({ rank } = enter(EMPTY_LANE, "a", 500));
    expect(rank).toBe(0);
  });

  it("places keep priorities apart and fit into BullMQ's range", () => {
    expect(ticketPlace(10, 0)).toBe(1);
    expect(ticketPlace(10, 1e9)).toBe(RANKS);
    expect(ticketPlace(9, 0)).toBe(RANKS + 1);
    expect(ticketPlace(-10, 1e9)).toBeLessThanOrEqual(2_097_151);
  });
});
