/**
 * Makes the volume that leaves one panel the volume that enters the next.
 *
 * Grid lines have a kink where they cross from panel to panel. The centred fourth-order difference, which looks one
 * face beyond the edge, cannot conserve volume there to better than second order: what it takes as the flux through
 * the edge contains a second derivative along the line, and that differs between the panels. So in the row of cells
 * next to an edge the divergence of the volume flux is computed from the panel's own faces, with the mimetic
 * fourth-order formula of Castillo & Grone (2003, SIAM J. Matrix Anal. Appl. 25, 128–142), whose conserved sum is a
 * fourth-order quadrature with the weights `SIDE_WEIGHTS`, and which takes of the flux at the edge the point value.
 * The two panels have computed that one each with its own halo; both then use the mean.
 *
 * M1 With this, the sum of depth × area × weights over the sphere changes by rounding alone.
 */
import { besideSide, EAST, NORTH, SIDES, SOUTH, WEST } from "./halo.ts";
import { direction, locate, PANELS, project } from "./cubed-sphere.ts";
import type { CubedSphere } from "./cubed-sphere.ts";

/** Quadrature weights of the cells next to a side, outermost first; all others have weight 1. */
const SIDE_WEIGHTS: readonly number[] = [649 / 576, 143 / 192, 75 / 64, 551 / 576];

/**
 * 24 × the difference between the two formulas for the derivative in the outermost cell, as weights of the fluxes
 * from the face outside the edge inwards: the mimetic one takes faces 0 … 5, the one with the halo −1 … 2.
 */
const EDGE_WEIGHT = (24 * -4751) / 5192;
const LACK_WEIGHTS: readonly number[] = [
  -1,
  EDGE_WEIGHT + 27,
  (24 * 909) / 1298 - 27,
  (24 * 6091) / 15576 + 1,
  (24 * -1165) / 5192,
  (24 * 129) / 2596,
  (24 * -25) / 15576,
];

/** Weight of cell `i` of a line of `n` in sums over the sphere (M1). */
export function lineWeight(n: number, i: number): number {
  return SIDE_WEIGHTS[Math.min(i, n - 1 - i)] ?? 1;
}

export class PanelEdges {
  readonly #n: number;
  /** Inward flux through each face at an edge, (panel × 4 + side) × n + position. */
  readonly #inward: Float64Array;
  /** What the outermost cell's divergence (times 24) lacks when computed with the halo. */
  readonly #lack: Float64Array;
  /** The same face as seen from the neighbour. */
  readonly #twin: Int32Array;
  /** The two cells inside the face: addresses on the sphere, and in arrays of one panel without halo. */
  readonly #address: Int32Array;
  readonly #cell: Int32Array;

  constructor(grid: CubedSphere) {
    const { n } = grid;
    this.#n = n;
    this.#inward = new Float64Array(24 * n);
    this.#lack = new Float64Array(24 * n);
    this.#twin = new Int32Array(24 * n);
    this.#address = new Int32Array(48 * n);
    this.#cell = new Int32Array(48 * n);
    for (let panel = 0; panel < 6; panel++) {
      for (const side of SIDES) {
        for (let k = 0; k < n; k++) {
          const face = (panel * 4 + side) * n + k;
          this.#twin[face] = twinOf(grid, panel, side, k);
          for (const depth of [0, 1]) {
            const [i, j] = besideSide(n, side, depth, k);
            this.#address[2 * face + depth] = grid.at(panel, i, j);
            this.#cell[2 * face + depth] = j * n + i;
          }
        }
      }
    }
  }

  /** Begins a panel: to be called before its fluxes are recorded. */
  begin(panel: number): void {
    this.#lack.fill(0, panel * 4 * this.#n, (panel + 1) * 4 * this.#n);
  }

  /** Takes in the volume fluxes through the faces −1 … n + 1 that row `j` of a panel crosses. */
  recordAlpha(panel: number, j: number, volume: Float64Array): void {
    const n = this.#n;
    const west = (panel * 4 + WEST) * n + j;
    const east = (panel * 4 + EAST) * n + j;
    let lackWest = 0;
    let lackEast = 0;
    for (let k = 0; k < LACK_WEIGHTS.length; k++) {
      lackWest += LACK_WEIGHTS[k]! * volume[k]!;
      lackEast -= LACK_WEIGHTS[k]! * volume[n + 2 - k]!;
    }
    this.#inward[west] = volume[1]!;
    this.#inward[east] = -volume[n + 1]!;
    this.#lack[west] = lackWest;
    this.#lack[east] = lackEast;
  }

  /** Takes in the volume fluxes through the row `k` of faces, −1 … n + 1, of a panel; they begin at `from`. */
  recordBeta(panel: number, k: number, volume: Float64Array, from: number): void {
    const n = this.#n;
    if (k < LACK_WEIGHTS.length - 1) this.#addBeta((panel * 4 + SOUTH) * n, k, 1, volume, from);
    if (n - k < LACK_WEIGHTS.length - 1) this.#addBeta((panel * 4 + NORTH) * n, n - k, -1, volume, from);
  }

  /** `depth` is the number of the row counted inwards from the side, `sign` makes the flux an inward one. */
  #addBeta(face: number, depth: number, sign: number, volume: Float64Array, from: number): void {
    const weight = sign * LACK_WEIGHTS[depth + 1]!;
    for (let i = 0; i < this.#n; i++) {
      const flux = volume[from + i]!;
      this.#lack[face + i]! += weight * flux;
      if (depth === 0) this.#inward[face + i] = sign * flux;
    }
  }

  /**
   * Puts right what the cells next to edges have got during `step` seconds; all panels must have been recorded.
   *
   * `perVolume` is 1/(24 J Δ).
   */
  reconcile(surface: Float64Array, perVolume: Float64Array, step: number): void {
    for (let face = 0; face < this.#inward.length; face++) {
      const change = -0.5 * (this.#inward[face]! + this.#inward[this.#twin[face]!]!); // M1: the mean, less our own
      const outer = this.#address[2 * face]!;
      const inner = this.#address[2 * face + 1]!;
      surface[outer]! -= step * perVolume[this.#cell[2 * face]!]! * (this.#lack[face]! + EDGE_WEIGHT * change);
      surface[inner]! -= step * perVolume[this.#cell[2 * face + 1]!]! * change;
    }
  }
}

/** The index of the same face as the panel beyond it counts. */
function twinOf(grid: CubedSphere, panel: number, side: number, k: number): number {
  const { n } = grid;
  const here = PANELS[panel]!;
  const [inI, inJ] = besideSide(n, side, 0, k);
  const [outI, outJ] = besideSide(n, side, -1, k);
  const beyond = locate(direction(here, grid.centre(outI), grid.centre(outJ))).panel;
  const onEdge = direction(
    here,
    (grid.centre(inI) + grid.centre(outI)) / 2,
    (grid.centre(inJ) + grid.centre(outJ)) / 2,
  );
  const { alpha, beta } = project(PANELS[beyond]!, onEdge);
  const acrossAlpha = Math.abs(alpha) > Math.abs(beta);
  const [across, alongEdge] = acrossAlpha ? [alpha, beta] : [beta, alpha];
  const position = Math.round((alongEdge + Math.PI / 4) / grid.delta - 0.5);
  const twinSide = (acrossAlpha ? 0 : 2) + (across < 0 ? 0 : 1);
  return (beyond * 4 + twinSide) * n + position;
}
