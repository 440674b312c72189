/**
 * Accuracy and speed of the weather simulation, as the README shows them.
 *
 *   npm run bench -- weather           case 2 at 16, 32, 64; cases 5 and 6 at 32
 *   npm run bench -- weather 6 64 14   one run: case, resolution, days
 *
 * A cell update is one cell taken on by one time step (three stages). Time is the processor time of this process.
 */
import { Simulation } from "../../workers/tasks/weather/simulation.ts";
import type { CaseNumber } from "../../workers/tasks/weather/test-cases.ts";

interface Row {
  readonly l2: number | null;
}

function run(testCase: CaseNumber, resolution: number, days: number, tilt = 0): Row {
  const simulation = new Simulation({ testCase, resolution, days }, tilt);
  const before = process.cpuUsage();
  let longest = 0;
  while (!simulation.finished) {
    const started = performance.now();
    simulation.advance(simulation.steps);
    longest = Math.max(longest, performance.now() - started);
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  const { steps, errors, mass, energy, enstrophy } = simulation.summary();
  const power = (value: number): string => value.toExponential(2).padStart(9);
  const columns = [
    `case ${testCase}${tilt === 0 ? "      " : " (45°)"}`,
    String(resolution).padStart(4),
    `${days} d`.padStart(5),
    String(steps).padStart(6),
    ...(errors === null ? ["", "", ""].map((x) => x.padStart(9)) : [errors.l1, errors.l2, errors.linf].map(power)),
    ...[mass, energy, enstrophy].map(({ relativeError }) => power(relativeError)),
    `${seconds.toFixed(1)} s`.padStart(8),
    `${((steps * simulation.grid.cells) / seconds / 1e6).toFixed(2)} M/s`.padStart(9),
    `${longest.toFixed(0)} ms`.padStart(7),
  ];
  process.stdout.write(`${columns.join("  ")}\n`);
  return { l2: errors?.l2 ?? null };
}

function convergence(tilt: number): void {
  const errors = [16, 32, 64].map((resolution) => run(2, resolution, 5, tilt).l2 ?? Number.NaN);
  const orders = errors.slice(1).map((error, k) => Math.log2((errors[k] ?? Number.NaN) / error).toFixed(2));
  process.stdout.write(`observed order of the L2 error: ${orders.join(", ")}\n`);
}

function isCase(value: number): value is CaseNumber {
  return value === 2 || value === 5 || value === 6;
}

const [testCase, resolution = 32, days = 1] = process.argv.slice(2).map(Number);
const titles = [
  "         test",
  "cells",
  "time",
  "steps",
  "l1",
  "l2",
  "linf",
  "mass",
  "energy",
  "enstrophy",
  "took",
  "updates",
  "slice",
];
const widths = [12, 4, 5, 6, 9, 9, 9, 9, 9, 9, 8, 9, 7];
process.stdout.write(`${titles.map((title, k) => title.trim().padStart(widths[k] ?? 0)).join("  ")}\n`);
if (testCase !== undefined && isCase(testCase)) {
  run(testCase, resolution, days);
} else {
  convergence(0);
  convergence(Math.PI / 4);
  run(5, 32, 15);
  run(6, 32, 14);
}
