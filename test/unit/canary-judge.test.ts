import { describe, expect, it } from "vitest";
import { CanaryJudge, type LaneSign } from "../../src/domain/canary-judge.ts";

const sign = (taken: number | null, over: Partial<LaneSign> = {}): LaneSign => ({
  taken,
  free: 4,
  turning: "yes",
  ...over,
});

/** Looks four times a second; each canary that is sent is answered or missed as `fate` says. */
function watch(
  judge: CanaryJudge,
  fromMs: number,
  toMs: number,
  look: (nowMs: number) => LaneSign,
  fate: "answered" | "missed",
) {
  let sent = 0;
  let dueMs: number | null = null;
  for (let now = fromMs; now <= toMs; now += 250) {
    if (dueMs !== null && now >= dueMs) {
      dueMs = null;
      if (fate === "answered") judge.answered(now);
      else judge.missed();
    }
    if (judge.look(look(now), now) === "send") {
      sent += 1;
      dueMs = fate === "answered" ? now + 250 : now + 2_000;
    }
  }
  return sent;
}

describe("a replica's proof by work", () => {
  it("Y1: is asked for every two seconds while nothing else proves it", () => {
    const judge = new CanaryJudge(0);
    const sent = watch(judge, 0, 20_000, () => sign(7), "answered");
    expect(sent).toBeGreaterThanOrEqual(8);
    expect(sent).toBeLessThanOrEqual(10);
    expect(judge.verdict).toBe("well");
  });

  it("Y1: is not asked for while it takes real work", () => {
    expect(watch(new CanaryJudge(0), 0, 20_000, (now) => sign(now), "answered")).toBe(0);
  });

  it("Y2: fails after three misses, about eight seconds after it took the last entry", () => {
    const judge = new CanaryJudge(0);
    watch(judge, 0, 7_750, () => sign(7), "missed");
    expect(judge.verdict).toBe("well");
    const other = new CanaryJudge(0);
    watch(other, 0, 8_000, () => sign(7), "missed");
    expect(other.verdict).toBe("deaf");
    other.answered(9_000);
    expect(other.verdict).toBe("well");
  });

  it("Y2: tells whom nobody hears from whom takes nothing", () => {
    const judge = new CanaryJudge(0);
    let taken = 0;
    for (let now = 2_000; now < 10_000; now += 2_000) {
      if (judge.look(sign(taken), now) === "send") taken += 1;
      judge.look(sign(taken), now + 250);
      judge.missed();
    }
    expect(judge.verdict).toBe("mute");
  });

  it("Y3: is not asked of one that has no free slot, or stands still; what was missed then does not count", () => {
    const judge = new CanaryJudge(0);
    expect(judge.look(sign(1), 0)).toBe("wait");
    expect(judge.look(sign(1), 2_000)).toBe("send");
    expect(judge.look(sign(1, { turning: "no" }), 2_250)).toBe("wait");
    expect(judge.missed()).toBe("excused");
    expect(watch(judge, 2_500, 30_000, () => sign(1, { free: 0 }), "missed")).toBe(0);
    expect(judge.verdict).toBe("well");
  });

  it("Y3: calls clogged who has had no free slot and taken nothing for longer than a deadline may be", () => {
    const judge = new CanaryJudge(0);
    watch(judge, 0, 70_000, () => sign(1, { free: 0 }), "missed");
    expect(judge.verdict).toBe("well");
    judge.look(sign(1, { free: 0 }), 70_250);
    expect(judge.verdict).toBe("clogged");
    judge.look(sign(1), 70_500);
    expect(judge.verdict).toBe("well");
  });
});
