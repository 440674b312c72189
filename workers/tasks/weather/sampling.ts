/**
 * The fields at any place on the sphere.
 *
 * Bicubic (four-point Lagrange in α and β) on the panel that the place falls on, ghosts included, so that values join
 * across panel edges to the accuracy of the scheme. Stencils are moved out of the corner blocks of the halo, which
 * hold nothing (G2).
 */
import { compass, dot, locate, PANELS, toPlanet } from "./cubed-sphere.ts";
import type { CubedSphere, Vector } from "./cubed-sphere.ts";
import type { Fields } from "./fields.ts";
import { lagrangeWeights } from "./halo.ts";

const POINTS = 4;

/** Height of the free surface, m, and wind, m/s, at one place. */
export interface Sample {
  readonly surface: number;
  readonly east: number;
  readonly north: number;
}

/** Cells and weights from which a value at a place is made. */
export interface Stencil {
  readonly panel: number;
  readonly address: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** The stencil for a direction. */
export function stencilAt(grid: CubedSphere, to: Vector): Stencil {
  const { n, delta } = grid;
  const { panel, alpha, beta } = locate(to);
  const cellOf = (angle: number): number => (angle + Math.PI / 4) / delta - 0.5;
  const [positionI, positionJ] = [cellOf(alpha), cellOf(beta)];
  const first = (position: number): number => Math.min(Math.max(Math.floor(position) - 1, -1), n - POINTS + 1);
  const inside = (from: number): number => Math.min(Math.max(from, 0), n - POINTS);
  const i = first(positionI);
  const j = inside(i) === i ? first(positionJ) : inside(first(positionJ)); // never in both halos at once
  return {
    panel,
    address: grid.at(panel, i, j),
    x: lagrangeWeights(positionI - i, POINTS),
    y: lagrangeWeights(positionJ - j, POINTS),
  };
}

/** One field at a stencil. */
export function applyStencil(grid: CubedSphere, stencil: Stencil, field: Float64Array): number {
  const { address, x, y } = stencil;
  let sum = 0;
  for (let row = 0; row < POINTS; row++) {
    const at = address + row * grid.width;
    const line = x[0]! * field[at]! + x[1]! * field[at + 1]! + x[2]! * field[at + 2]! + x[3]! * field[at + 3]!;
    sum += y[row]! * line;
  }
  return sum;
}

/**
 * Surface and wind at a place; latitude and longitude in radians. The fields' ghosts must be up to date.
 *
 * At the poles, east and north are those of the longitude given.
 */
export function sampleAt(grid: CubedSphere, fields: Fields, latitude: number, longitude: number): Sample {
  const { up, east, north } = compass(latitude, longitude);
  const stencil = stencilAt(grid, up);
  const panel = PANELS[stencil.panel]!;
  const windY = applyStencil(grid, stencil, fields.windY);
  const windZ = applyStencil(grid, stencil, fields.windZ);
  const [ux, uy, uz] = [dot(panel.x, up), dot(panel.y, up), dot(panel.z, up)];
  const wind = toPlanet(panel, [-(uy * windY + uz * windZ) / ux, windY, windZ]);
  return { surface: applyStencil(grid, stencil, fields.surface), east: dot(wind, east), north: dot(wind, north) };
}
