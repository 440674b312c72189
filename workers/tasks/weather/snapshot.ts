/** A saved state that can be asked for the weather at a place; written by the `weather` task, read by `forecast`. */
import { CubedSphere } from "./cubed-sphere.ts";
import { emptyFields } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { Halo } from "./halo.ts";
import { HOUR_S } from "./planet.ts";
import { sampleAt } from "./sampling.ts";
import type { Sample } from "./sampling.ts";
import { decodeFields } from "./state-file.ts";
import type { StateHeader } from "./state-file.ts";

export class Snapshot {
  /** Model time, hours since the initial state. */
  readonly modelHours: number;
  readonly #grid: CubedSphere;
  readonly #fields: Fields;

  /** @throws {Error} when `state` has not the size that the header's resolution asks for */
  constructor(header: StateHeader, state: Uint8Array) {
    this.modelHours = (header.step * header.stepSeconds) / HOUR_S;
    this.#grid = new CubedSphere(header.input.resolution);
    this.#fields = emptyFields(this.#grid);
    decodeFields(this.#grid, state, this.#fields);
    new Halo(this.#grid).fill(this.#fields);
  }

  /** Surface, m, and wind, m/s, at a place in degrees. */
  at(latitude: number, longitude: number): Sample {
    return sampleAt(this.#grid, this.#fields, (latitude * Math.PI) / 180, (longitude * Math.PI) / 180);
  }
}
