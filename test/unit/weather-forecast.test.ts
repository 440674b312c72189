import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createForecast } from "../../workers/tasks/forecast.ts";
import { Recent } from "../../workers/tasks/recent.ts";
import { compass, dot } from "../../workers/tasks/weather/cubed-sphere.ts";
import { testCase } from "../../workers/tasks/weather/test-cases.ts";
import { weather } from "../../workers/tasks/weather/weather.ts";
import { batchContext, checkpointOf, onlineContext } from "../support/task-context.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forecast-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Runs a few hours of case 2 and saves. */
async function saveCase2(resolution: number, hours: number): Promise<void> {
  const ctx = batchContext();
  const state = await weather.init({ testCase: 2, resolution, days: 5 }, ctx);
  while (state.simulation.hours < hours) await weather.step(state, ctx);
  await weather.save(state, folder, ctx);
}

const PLACES = [
  [0, 0],
  [90, 17],
  [-90, -140],
  [35.2644, 45], // a corner of the cube
  [-35.2, 224.9],
  [0, 45], // an edge
  [44.9, 0.3],
  [52.52, 13.4],
  [-33.9, 151.2],
  [0, -180],
  [12, 360],
] as const;

describe("the forecast task", () => {
  it("gives height and wind of the exact solution of case 2, everywhere, with the model time", async () => {
    await saveCase2(24, 3);
    const ctx = onlineContext(new Map([["run", await checkpointOf("run", folder, 7)]]));
    const forecast = createForecast();
    const exact = testCase(2);
    const wrong: unknown[] = [];
    for (const [latitude, longitude] of PLACES) {
      const answer = await forecast.run({ job: "run", latitude, longitude }, ctx);
      const { up, east, north } = compass((latitude * Math.PI) / 180, (longitude * Math.PI) / 180);
      const height = Math.abs(answer.height - exact.surface(up));
      const wind = Math.hypot(
        answer.wind.east - dot(exact.wind(up), east),
        answer.wind.north - dot(exact.wind(up), north),
      );
      if (!(height < 0.3 && wind < 0.01)) wrong.push({ latitude, longitude, height, wind });
      expect(forecast.output?.safeParse(answer).success).toBe(true);
      expect(answer.checkpoint).toBe(7);
      expect(answer.modelHours).toBeGreaterThanOrEqual(3);
    }
    expect(wrong).toEqual([]);
  });

  it("decodes a checkpoint once, also for those who ask at the same time", async () => {
    await saveCase2(8, 1);
    const checkpoint = await checkpointOf("run", folder, 1);
    const ctx = onlineContext(new Map([["run", checkpoint]]));
    const forecast = createForecast();
    const ask = async (longitude: number) => forecast.run({ job: "run", latitude: 10, longitude }, ctx);
    await Promise.all([0, 90, 180].map(ask));
    await ask(20);
    expect(checkpoint.reads()).toBe(2); // the header and the state
  });

  it("refuses a job without a checkpoint, and one that is no weather job", async () => {
    await writeFile(join(folder, "something"), "else");
    const ctx = onlineContext(new Map([["other", await checkpointOf("other", folder, 1)]]));
    const forecast = createForecast();
    const ask = (job: string) => async () => forecast.run({ job, latitude: 0, longitude: 0 }, ctx);
    await expect(ask("new")).rejects.toMatchObject({ code: "cairn.input_refused", message: /no checkpoint yet/ });
    await expect(ask("other")).rejects.toMatchObject({ code: "cairn.input_refused", message: /not a weather job/ });
  });

  it("takes places on the globe only", () => {
    const { input } = createForecast();
    expect(input.safeParse({ job: "x", latitude: 90.1, longitude: 0 }).success).toBe(false);
    expect(input.safeParse({ job: "x", latitude: 0, longitude: 361 }).success).toBe(false);
    expect(input.safeParse({ job: "x", latitude: -90, longitude: 360 }).success).toBe(true);
  });
});

describe("a bounded cache", () => {
  it("gives up what was not used for longest, and forgets failures", async () => {
    const cache = new Recent<string, number>(2);
    const made: string[] = [];
    const get = (key: string) =>
      cache.get(key, () => {
        made.push(key);
        return key === "bad" ? Promise.reject(new Error("bad")) : Promise.resolve(made.length);
      });
    await get("a");
    await get("b");
    await get("a");
    await get("c"); // b goes
    await get("a");
    await get("b");
    expect(made).toEqual(["a", "b", "c", "b"]);
    await expect(get("bad")).rejects.toThrow("bad");
    await expect(get("bad")).rejects.toThrow("bad");
    expect(made.filter((key) => key === "bad")).toHaveLength(2);
  });
});
