/** One field on a regular lattice of latitudes and longitudes, again and again: the stencils are found once. */
import { compass } from "./cubed-sphere.ts";
import type { CubedSphere } from "./cubed-sphere.ts";
import { stencilAt } from "./sampling.ts";

/** Weights in each of the two directions of a stencil. */
const POINTS = 4;

export class RegularSampler {
  readonly #width: number;
  readonly #address: Int32Array;
  readonly #weights: Float64Array;

  /** `columns` longitudes from 180° W to 180° E, `rows` latitudes from 90° N to 90° S, both ends included. */
  constructor(grid: CubedSphere, columns: number, rows: number) {
    this.#width = grid.width;
    this.#address = new Int32Array(columns * rows);
    this.#weights = new Float64Array(2 * POINTS * columns * rows);
    for (let at = 0; at < columns * rows; at++) {
      const latitude = Math.PI / 2 - (Math.PI * Math.floor(at / columns)) / (rows - 1);
      const longitude = -Math.PI + (2 * Math.PI * (at % columns)) / (columns - 1);
      const { address, x, y } = stencilAt(grid, compass(latitude, longitude).up);
      this.#address[at] = address;
      this.#weights.set(x, 2 * POINTS * at);
      this.#weights.set(y, 2 * POINTS * at + POINTS);
    }
  }

  /** Values of `field` at all points, row after row from the north-west. Ghosts must be up to date. */
  sample(field: Float64Array): Float64Array {
    const weights = this.#weights;
    const values = new Float64Array(this.#address.length);
    for (let point = 0; point < values.length; point++) {
      const w = 2 * POINTS * point;
      let at = this.#address[point]!;
      let sum = 0;
      for (let row = 0; row < POINTS; row++) {
        const line =
          weights[w]! * field[at]! +
          weights[w + 1]! * field[at + 1]! +
          weights[w + 2]! * field[at + 2]! +
          weights[w + 3]! * field[at + 3]!;
        sum += weights[w + POINTS + row]! * line;
        at += this.#width;
      }
      values[point] = sum;
    }
    return values;
  }
}
