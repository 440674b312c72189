/**
 * Fills the ghost cells of every panel from its neighbours.
 *
 * On the equiangular grid the grid lines of a panel, continued beyond its edge, have their cell centres on the lines
 * of the neighbour that run along that edge (Ronchi et al. 1996; Ullrich, Jablonowski & van Leer 2010, J. Comput.
 * Phys. 229, 6104–6134; Chen 2021, JAMES 13, e2020MS002280). So one-dimensional interpolation along a line does it.
 *
 * L1 Six-point Lagrange interpolation: sixth order, above the order of the scheme, so that panel edges do not show.
 * L2 Ghosts lie nearer to the middle of the neighbour's line than its ends do: no stencil leaves the neighbour's own
 *    cells, so the order in which panels are filled does not matter and corner blocks are not needed.
 */
import { CubedSphere, direction, dot, HALO, locate, PANELS, project } from "./cubed-sphere.ts";
import type { Fields } from "./fields.ts";

/** Points of the interpolation along a line (L1). */
const POINTS = 6;

/** The four sides of a panel. */
export const WEST = 0;
export const EAST = 1;
export const SOUTH = 2;
export const NORTH = 3;
export const SIDES: readonly number[] = [WEST, EAST, SOUTH, NORTH];

/** Cell `k` along `side`, `depth` rows from it: inwards from 0, outwards from −1. */
export function besideSide(n: number, side: number, depth: number, k: number): readonly [i: number, j: number] {
  if (side === WEST) return [depth, k];
  if (side === EAST) return [n - 1 - depth, k];
  if (side === SOUTH) return [k, depth];
  return [k, n - 1 - depth];
}

/** The ghosts beyond one side of one panel: all come from one neighbour through one signed permutation. */
interface Strip {
  /** The vector's y and z here, as rows over x, y, z there. */
  readonly yFrom: readonly [number, number, number];
  readonly zFrom: readonly [number, number, number];
  /** Step between cells along the neighbour's line. */
  readonly stride: number;
  readonly target: Int32Array;
  /** First of the POINTS source cells of each ghost. */
  readonly source: Int32Array;
  /** POINTS weights for each ghost. */
  readonly weight: Float64Array;
  /** X and Y of the POINTS source cells of each ghost, to rebuild the third component there. */
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** Lagrange weights at `t` for nodes 0 … points − 1. */
export function lagrangeWeights(t: number, points: number): number[] {
  return Array.from({ length: points }, (_, m) => {
    let weight = 1;
    for (let k = 0; k < points; k++) if (k !== m) weight *= (t - k) / (m - k);
    return weight;
  });
}

function buildStrip(grid: CubedSphere, panelIndex: number, side: number): Strip {
  const { n } = grid;
  const here = PANELS[panelIndex]!;
  const ghost = (depth: number, k: number) => {
    const [i, j] = besideSide(n, side, -1 - depth, k);
    return { address: grid.at(panelIndex, i, j), to: direction(here, grid.centre(i), grid.centre(j)) };
  };
  const middle = locate(ghost(0, n >> 1).to);
  const there = PANELS[middle.panel]!;
  // The line runs along β when α is the coordinate next to the edge.
  const alongBeta = Math.abs(middle.alpha) > Math.abs(middle.beta);

  const count = HALO * n;
  const strip: Strip = {
    yFrom: [dot(here.y, there.x), dot(here.y, there.y), dot(here.y, there.z)],
    zFrom: [dot(here.z, there.x), dot(here.z, there.y), dot(here.z, there.z)],
    stride: alongBeta ? grid.width : 1,
    target: new Int32Array(count),
    source: new Int32Array(count),
    weight: new Float64Array(POINTS * count),
    x: new Float64Array(POINTS * count),
    y: new Float64Array(POINTS * count),
  };
  for (let depth = 0; depth < HALO; depth++) {
    for (let k = 0; k < n; k++) {
      const g = depth * n + k;
      const { address, to } = ghost(depth, k);
      const { alpha, beta } = project(there, to);
      const cellOf = (angle: number) => (angle + Math.PI / 4) / grid.delta - 0.5;
      const line = Math.round(cellOf(alongBeta ? alpha : beta));
      const position = cellOf(alongBeta ? beta : alpha);
      const first = Math.min(Math.max(Math.floor(position) - (POINTS / 2 - 1), 0), n - POINTS); // L2
      strip.target[g] = address;
      strip.source[g] = alongBeta ? grid.at(middle.panel, line, first) : grid.at(middle.panel, first, line);
      for (const [m, weight] of lagrangeWeights(position - first, POINTS).entries()) {
        const across = Math.tan(grid.centre(line));
        const along = Math.tan(grid.centre(first + m));
        strip.weight[POINTS * g + m] = weight;
        strip.x[POINTS * g + m] = alongBeta ? across : along;
        strip.y[POINTS * g + m] = alongBeta ? along : across;
      }
    }
  }
  return strip;
}

function fillStrip(strip: Strip, surface: Float64Array, windY: Float64Array, windZ: Float64Array): void {
  const points = POINTS; // as a constant of the function: see solveFaces
  const { target, source, stride, weight, x, y } = strip;
  const [yx, yy, yz] = strip.yFrom;
  const [zx, zy, zz] = strip.zFrom;
  for (let g = 0; g < target.length; g++) {
    let from = source[g]!;
    let height = 0;
    let vx = 0;
    let vy = 0;
    let vz = 0;
    for (let m = points * g; m < points * g + points; m++) {
      const w = weight[m]!;
      const wy = w * windY[from]!;
      const wz = w * windZ[from]!;
      height += w * surface[from]!;
      vx -= x[m]! * wy + y[m]! * wz;
      vy += wy;
      vz += wz;
      from += stride;
    }
    const to = target[g]!;
    surface[to] = height;
    windY[to] = yx * vx + yy * vy + yz * vz; // G1
    windZ[to] = zx * vx + zy * vy + zz * vz;
  }
}

/** The ghost cells of a grid, ready to be filled again and again. */
export class Halo {
  readonly #strips: readonly Strip[];

  constructor(grid: CubedSphere) {
    this.#strips = PANELS.flatMap((_, panel) => SIDES.map((side) => buildStrip(grid, panel, side)));
  }

  /** Fills the ghosts of all panels from the cells inside. */
  fill(fields: Fields): void {
    for (const strip of this.#strips) fillStrip(strip, fields.surface, fields.windY, fields.windZ);
  }
}
