import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LossBrake } from "../../src/domain/loss-brake.ts";

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `w${n + 1}`);

describe("the brake on lost workers", () => {
  it("is off for one, for two of three, and for half of many", () => {
    expect(new LossBrake().look(["w1"], 0, 0)).toEqual({ kind: "off", giveUp: ["w1"] });
    expect(new LossBrake().look(names(2), 1, 0).kind).toBe("off");
    expect(new LossBrake().look(names(4), 4, 0)).toEqual({ kind: "off", giveUp: names(4) });
  });

  it("LB1, LB2: gives up one a second when more than half fall silent, and spares those that come back", () => {
    const brake = new LossBrake();
    const [first = "", ...others] = names(5);
    expect(brake.look([first, ...others], 3, 0)).toEqual({
      ...{ kind: "on", giveUp: [first], spared: others, silent: 5, workers: 8 },
    });
    expect(brake.look(others, 3, 300)).toMatchObject({ kind: "on", giveUp: [], spared: others, silent: 5 });
    expect(brake.look(others, 3, 1_000)).toMatchObject({ kind: "on", giveUp: ["w2"] });
    // The network is back: two were given up, nobody else is.
    expect(brake.look([], 6, 1_300)).toEqual({ kind: "off", giveUp: [] });
  });

  it("counts those that were lost one after another within seconds", () => {
    const brake = new LossBrake();
    const kinds = names(6).map((name, n) => brake.look([name], 7 - n, n * 500).kind);
    expect(kinds).toEqual(["off", "off", "off", "off", "on", "on"]);
  });

  it("gives up a fiftieth of a large fleet a second, when more than twenty go at once", () => {
    const looked = new LossBrake().look(names(30), 270, 0);
    expect(looked.giveUp).toHaveLength(6);
    expect(looked.kind).toBe("on");
  });

  it("LB3: gives up everybody who stays silent", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(100), (count, alive) => {
        const brake = new LossBrake();
        let silent: readonly string[] = names(count);
        let now = 0;
        for (; silent.length > 0 && now < 120_000; now += 300) {
          const { giveUp } = brake.look(silent, alive, now);
          silent = silent.filter((name) => !giveUp.includes(name));
        }
        expect(silent).toEqual([]);
      }),
    );
  });
});
