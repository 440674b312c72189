import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pictureCount, pictureStep, pictureTimes } from "../../workers/tasks/weather/picture-times.ts";
import { weather } from "../../workers/tasks/weather/weather.ts";
import { batchContext } from "../support/task-context.ts";
import type { RecordingContext } from "../support/task-context.ts";

const INPUT = { testCase: 6, resolution: 12, days: 0.51 } as const;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weather-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

type State = Awaited<ReturnType<typeof weather.init>>;

/** Takes a state to its end. */
async function finish(state: State, ctx: RecordingContext) {
  for (;;) {
    const result = await weather.step(state, ctx);
    if (typeof result === "object") return result.output;
  }
}

describe("the weather task", () => {
  it("takes the documented input and no other", () => {
    expect(weather.input.safeParse(INPUT).success).toBe(true);
    for (const wrong of [{ testCase: 3 }, { resolution: 4 }, { resolution: 16.5 }, { days: 0 }, { more: 1 }]) {
      expect(weather.input.safeParse({ ...INPUT, ...wrong }).success).toBe(false);
    }
  });

  it("gives the documented output, the errors only where there is an exact solution", async () => {
    const ctx = batchContext();
    const wave = await finish(await weather.init(INPUT, ctx), ctx);
    const steady = await finish(await weather.init({ ...INPUT, testCase: 2 }, ctx), ctx);
    expect(weather.output?.safeParse(wave).success).toBe(true);
    expect(weather.output?.safeParse(steady).success).toBe(true);
    expect(wave.errors).toBeNull();
    expect(steady.errors?.l2).toBeLessThan(1e-4);
    expect(wave.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(ctx.lastProgress()).toEqual({ completed: steady.steps, total: steady.steps, unit: "steps" });
  });

  it("ends with the same bits and the same pictures when it is saved and loaded after every slice", async () => {
    const undisturbed = batchContext();
    const expected = await finish(await weather.init(INPUT, undisturbed), undisturbed);

    const ctx = batchContext();
    let state = await weather.init(INPUT, ctx);
    let result = await weather.step(state, ctx);
    while (typeof result !== "object") {
      await weather.save(state, folder, ctx);
      state = await weather.load(folder, INPUT, ctx);
      result = await weather.step(state, ctx);
    }
    expect(result.output).toEqual(expected);
    expect(ctx.artifacts).toEqual(undisturbed.artifacts);
  });

  it("loses only the unfinished time step when it is saved in the middle of one", async () => {
    const ctx = batchContext();
    const whole = await finish(await weather.init(INPUT, ctx), ctx);
    const state = await weather.init(INPUT, ctx);
    for (let slice = 0; slice < 4; slice++) await weather.step(state, ctx);
    const before = state.simulation.encode();
    state.simulation.model.advanceStage();
    state.simulation.model.advanceStage(); // two stages of three
    expect(state.simulation.encode()).toEqual(before);
    await weather.save(state, folder, ctx);
    expect((await finish(await weather.load(folder, INPUT, ctx), ctx)).digest).toBe(whole.digest);
  });

  it("D1: refuses a state of another Node version, and says what to do", async () => {
    const ctx = batchContext();
    await weather.save(await weather.init(INPUT, ctx), folder, ctx);
    const header = join(folder, "state.json");
    await writeFile(header, (await readFile(header, "utf8")).replace(process.version, "v20.0.0"));
    await expect(async () => weather.load(folder, INPUT, ctx)).rejects.toThrow(
      /written by Node v20\.0\.0 and this is v.*retry the job from the start/,
    );
  });

  it("refuses a state that is not the one its header describes", async () => {
    const ctx = batchContext();
    await weather.save(await weather.init(INPUT, ctx), folder, ctx);
    const file = join(folder, "state.bin");
    const bytes = await readFile(file);
    bytes[100]! ^= 1;
    await writeFile(file, bytes);
    await expect(async () => weather.load(folder, INPUT, ctx)).rejects.toThrow("is not the state that state.json");
  });

  it("P1: hands out a picture of the beginning, of every six hours and of the end", async () => {
    const ctx = batchContext();
    await finish(await weather.init(INPUT, ctx), ctx);
    expect([...ctx.artifacts.keys()]).toEqual(
      ["0000.00", "0006.00", "0012.00", "0012.33"].map((hours) => `height-${hours}h.png`),
    );
  });

  it("P1: never has more than 32 pictures, and at least 9 in a run of two days or more", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 366 * 24 * 40 }),
        fc.integer({ min: 1, max: 40 }),
        (steps, stepsPerHour) => {
          fc.pre(steps <= 366 * 24 * stepsPerHour);
          const times = pictureTimes(steps, stepsPerHour);
          const due = Array.from({ length: pictureCount(times) }, (_, index) => pictureStep(times, index));
          expect(new Set(due).size).toBe(due.length);
          expect([due[0], due.at(-1)]).toEqual([0, steps]);
          expect(due.length).toBeLessThanOrEqual(32);
          if (steps >= 48 * stepsPerHour) expect(due.length).toBeGreaterThanOrEqual(9);
        },
      ),
    );
  });
});
