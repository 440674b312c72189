import { describe, expect, it } from "vitest";
import { CubedSphere } from "../../workers/tasks/weather/cubed-sphere.ts";
import { sampleAt } from "../../workers/tasks/weather/sampling.ts";
import { ShallowWater } from "../../workers/tasks/weather/shallow-water.ts";
import { Simulation } from "../../workers/tasks/weather/simulation.ts";
import { testCase } from "../../workers/tasks/weather/test-cases.ts";
import type { CaseNumber } from "../../workers/tasks/weather/test-cases.ts";

function simulate(number: CaseNumber, resolution: number, days: number, tilt = 0): Simulation {
  const simulation = new Simulation({ testCase: number, resolution, days }, tilt);
  while (!simulation.finished) simulation.advance(simulation.steps);
  return simulation;
}

/** The surface along a circle of latitude, at whole degrees from 180° W. */
function surfaceAlong(simulation: Simulation, latitude: number): number[] {
  simulation.model.fillHalo();
  const { grid, model } = simulation;
  return Array.from({ length: 360 }, (_, k) => {
    return sampleAt(grid, model.fields, (latitude * Math.PI) / 180, ((k - 180) * Math.PI) / 180).surface;
  });
}

/** Amplitude and phase (radians) of a zonal wave number. */
function waveOf(values: readonly number[], number: number): { amplitude: number; phase: number } {
  let [cosine, sine] = [0, 0];
  for (const [k, value] of values.entries()) {
    const angle = (number * 2 * Math.PI * k) / values.length;
    cosine += (2 / values.length) * value * Math.cos(angle);
    sine += (2 / values.length) * value * Math.sin(angle);
  }
  return { amplitude: Math.hypot(cosine, sine), phase: Math.atan2(sine, cosine) };
}

describe("the shallow-water solver", () => {
  it.each([
    ["for 5 days along the equator", 0, 5],
    ["for a day across edges and corners of the cube", Math.PI / 4, 1],
  ])("converges with nearly fourth order when the flow of case 2 runs %s", (_, tilt, days) => {
    const coarse = simulate(2, 16, days, tilt).summary();
    const fine = simulate(2, 32, days, tilt).summary();
    expect(coarse.errors?.l2).toBeLessThan(3e-5);
    expect(fine.errors?.l2).toBeLessThan(2e-6);
    expect(Math.log2((coarse.errors?.l2 ?? 0) / (fine.errors?.l2 ?? 1))).toBeGreaterThan(3.5);
  });

  it.each([2, 5, 6] as const)("conserves mass to rounding in case %d, and loses little energy", (number) => {
    const { mass, energy, enstrophy } = simulate(number, 16, 5).summary();
    expect(Math.abs(mass.relativeError)).toBeLessThan(1e-14);
    expect(Math.abs(energy.relativeError)).toBeLessThan(1e-3);
    expect(Math.abs(enstrophy.relativeError)).toBeLessThan(0.03);
  });

  it("S2: a level surface at rest stays at rest over the mountain", () => {
    const level = 5_960;
    const rest = { ...testCase(5), surface: () => level, wind: () => [0, 0, 0] as const };
    const model = new ShallowWater(new CubedSphere(12), rest, 300);
    for (let stage = 0; stage < 30; stage++) model.advanceStage();
    let largest = 0;
    model.grid.forEachCell((at) => {
      const { surface, windY, windZ } = model.fields;
      largest = Math.max(largest, Math.abs(surface[at]! - level), Math.abs(windY[at]!), Math.abs(windZ[at]!));
    });
    expect(largest).toBeLessThan(1e-9);
  });

  it("keeps wave number 4 of case 6 for 14 days, bounded, and carries it east at about the speed of theory", () => {
    const initial = waveOf(surfaceAlong(new Simulation({ testCase: 6, resolution: 16, days: 1 }), 45), 4);
    const oneDay = waveOf(surfaceAlong(simulate(6, 16, 1), 45), 4);
    const eastwards = ((oneDay.phase - initial.phase + 2 * Math.PI) % (2 * Math.PI)) * (45 / Math.PI);
    expect(eastwards).toBeGreaterThan(10); // 12.2° a day without divergence, somewhat less with it
    expect(eastwards).toBeLessThan(15);

    const values = surfaceAlong(simulate(6, 16, 14), 45);
    const wave = waveOf(values, 4).amplitude;
    for (const other of [1, 2, 3, 5, 6, 7]) expect(waveOf(values, other).amplitude).toBeLessThan(0.01 * wave);
    expect(wave / initial.amplitude).toBeGreaterThan(0.7);
    expect(wave / initial.amplitude).toBeLessThan(1.3);
    expect(Math.min(...values)).toBeGreaterThan(8_000);
    expect(Math.max(...values)).toBeLessThan(10_700);
  });

  it("shows a trough and a ridge in the lee of the mountain of case 5, and little upstream", () => {
    const values = surfaceAlong(simulate(5, 16, 5), 45);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const anomaly = (longitude: number): number => (values[longitude + 180] ?? Number.NaN) - mean;
    expect(anomaly(-65)).toBeLessThan(-100);
    expect(anomaly(-30)).toBeGreaterThan(50);
    expect(Math.abs(anomaly(150))).toBeLessThan(40);
  });
});
