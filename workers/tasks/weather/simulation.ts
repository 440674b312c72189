/**
 * One run of a test case: how many steps of which length, how much in a slice, what comes out.
 *
 * R1 The time step divides an hour and follows from test case and resolution alone; so do the steps of a slice.
 */
import { CubedSphere } from "./cubed-sphere.ts";
import type { WeatherInput } from "./input.ts";
import { measureErrors, measureInvariants } from "./invariants.ts";
import type { HeightErrors, Invariants } from "./invariants.ts";
import { longestStep } from "./metrics.ts";
import { HOUR_S } from "./planet.ts";
import { ShallowWater } from "./shallow-water.ts";
import { decodeFields, digestOf, encodeFields } from "./state-file.ts";
import { testCase } from "./test-cases.ts";
import type { TestCase } from "./test-cases.ts";

/** Of the longest step; measured: runs blow up from 2.5 on. */
const COURANT = 1.6;

/** Work in one slice, in cells × stages: 20 to 25 ms on a core that is not shared. */
const SLICE_WORK = 240_000;

export interface WeatherOutput {
  readonly steps: number;
  /** SHA-256 of the final state. */
  readonly digest: string;
  /** Errors of the height against the exact solution; null when none is known. */
  readonly errors: HeightErrors | null;
  readonly mass: { readonly relativeError: number };
  readonly energy: { readonly relativeError: number };
  readonly enstrophy: { readonly relativeError: number };
}

export class Simulation {
  readonly input: WeatherInput;
  readonly test: TestCase;
  readonly grid: CubedSphere;
  readonly model: ShallowWater;
  readonly stepsPerHour: number;
  /** Steps of the whole run. */
  readonly steps: number;
  readonly initial: Invariants;
  #step = 0;

  /** A run at its beginning. `tilt` is that of `testCase`, radians; jobs have none. */
  constructor(input: WeatherInput, tilt = 0) {
    this.input = input;
    this.test = testCase(input.testCase, tilt);
    this.grid = new CubedSphere(input.resolution);
    this.stepsPerHour = Math.ceil(HOUR_S / longestStep(this.grid, this.test.fastest, COURANT)); // R1
    this.steps = Math.max(1, Math.round(input.days * 24 * this.stepsPerHour));
    this.model = new ShallowWater(this.grid, this.test, HOUR_S / this.stepsPerHour);
    this.initial = this.#invariants();
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Model time, hours. */
  get hours(): number {
    return this.#step / this.stepsPerHour;
  }

  get finished(): boolean {
    return this.#step >= this.steps;
  }

  /** Computes a few stages, at most up to step `until`, and returns soon. */
  advance(until: number): void {
    const stages = Math.max(1, Math.floor(SLICE_WORK / this.grid.cells));
    for (let stage = 0; stage < stages && this.#step < until; stage++) {
      if (this.model.advanceStage()) this.#step++;
    }
  }

  /** The state as bytes, after the last complete step. */
  encode(): Uint8Array {
    return encodeFields(this.grid, this.model.fields);
  }

  /** Puts a run that is at its beginning to where another one was saved. */
  restore(step: number, state: Uint8Array): void {
    decodeFields(this.grid, state, this.model.fields);
    this.#step = step;
  }

  /** The result; the run must be finished. */
  summary(): WeatherOutput {
    const last = this.#invariants();
    const relative = (name: keyof Invariants) => ({
      relativeError: (last[name] - this.initial[name]) / this.initial[name],
    });
    return {
      steps: this.#step,
      digest: digestOf(this.encode()),
      errors: this.test.steady ? measureErrors(this.grid, this.model.metrics, this.model.fields, this.test) : null,
      mass: relative("mass"),
      energy: relative("energy"),
      enstrophy: relative("enstrophy"),
    };
  }

  #invariants(): Invariants {
    this.model.fillHalo();
    return measureInvariants(this.grid, this.model.metrics, this.model.fields);
  }
}
