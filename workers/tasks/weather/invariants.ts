/**
 * Integrals that the equations conserve, and the errors against an exact solution, as Williamson et al. 1992 define
 * them.
 *
 * Sums are compensated (Neumaier), so that their own rounding stays below what they are to show.
 */
import { direction, PANELS } from "./cubed-sphere.ts";
import type { CubedSphere } from "./cubed-sphere.ts";
import type { Fields } from "./fields.ts";
import type { Metrics } from "./metrics.ts";
import { lineWeight } from "./panel-edges.ts";
import { GRAVITY, RADIUS } from "./planet.ts";
import type { TestCase } from "./test-cases.ts";

export interface Invariants {
  /** Volume of the fluid, m³: its mass at unit density. */
  readonly mass: number;
  /** Total energy at unit density, m⁵/s². */
  readonly energy: number;
  /** Potential enstrophy, m/s². */
  readonly enstrophy: number;
}

/** Errors of the height, each relative to the same norm of the exact solution. */
export interface HeightErrors {
  readonly l1: number;
  readonly l2: number;
  readonly linf: number;
}

/** A sum that carries what rounding cut off. */
class Sum {
  #total = 0;
  #lost = 0;

  add(term: number): void {
    const next = this.#total + term;
    this.#lost += Math.abs(this.#total) >= Math.abs(term) ? this.#total - next + term : term - next + this.#total;
    this.#total = next;
  }

  get value(): number {
    return this.#total + this.#lost;
  }
}

/** Weight of cell (i, j) in integrals over the sphere, m². */
function weightOf(grid: CubedSphere, metrics: Metrics, i: number, j: number): number {
  return metrics.area[j * grid.n + i]! * lineWeight(grid.n, i) * lineWeight(grid.n, j);
}

/** Mass, energy and potential enstrophy of a state whose ghosts are up to date. */
export function measureInvariants(grid: CubedSphere, metrics: Metrics, fields: Fields): Invariants {
  const { n } = grid;
  const { surface, windY, windZ } = fields;
  const [mass, energy, enstrophy] = [new Sum(), new Sum(), new Sum()];
  const vorticityAt = vorticityOf(grid, fields);
  grid.forEachCell((at, panel, i, j) => {
    const cell = j * n + i;
    const weight = weightOf(grid, metrics, i, j);
    const ground = metrics.ground[panel * n * n + cell]!;
    const depth = surface[at]! - ground;
    const vx = -(metrics.tangent[i]! * windY[at]! + metrics.tangent[j]! * windZ[at]!);
    const speed2 = vx * vx + windY[at]! * windY[at]! + windZ[at]! * windZ[at]!;
    const coriolis = metrics.turning[panel * n * n + cell]! / (RADIUS * metrics.curvature[cell]!);
    const absolute = vorticityAt(at, i, j) + coriolis;
    mass.add(weight * depth);
    energy.add(weight * 0.5 * (depth * speed2 + GRAVITY * (surface[at]! * surface[at]! - ground * ground)));
    enstrophy.add((weight * 0.5 * absolute * absolute) / depth);
  });
  return { mass: mass.value, energy: energy.value, enstrophy: enstrophy.value };
}

/**
 * Relative vorticity, 1/s: (∂v_β/∂α − ∂v_α/∂β) / J with fourth-order central differences of the covariant wind
 * v_α = a u_y (1+X²)/ρ, v_β = a u_z (1+Y²)/ρ.
 */
function vorticityOf(grid: CubedSphere, fields: Fields): (at: number, i: number, j: number) => number {
  const { width, delta } = grid;
  const tangent = (i: number): number => Math.tan(grid.centre(i));
  const covariant = (wind: number, along: number, across: number): number =>
    (RADIUS * wind * (1 + along * along)) / Math.sqrt(1 + along * along + across * across);
  return (at, i, j) => {
    const [x, y] = [tangent(i), tangent(j)];
    const vBeta = (k: number): number => covariant(fields.windZ[at + k]!, y, tangent(i + k));
    const vAlpha = (k: number): number => covariant(fields.windY[at + k * width]!, x, tangent(j + k));
    const slope = (v: (k: number) => number): number => (8 * (v(1) - v(-1)) - (v(2) - v(-2))) / (12 * delta);
    const rho = Math.sqrt(1 + x * x + y * y);
    const jacobian = (RADIUS * RADIUS * (1 + x * x) * (1 + y * y)) / (rho * rho * rho);
    return (slope(vBeta) - slope(vAlpha)) / jacobian;
  };
}

/** l1, l2 and l∞ of the height against the initial state, which must be steady. */
export function measureErrors(grid: CubedSphere, metrics: Metrics, fields: Fields, test: TestCase): HeightErrors {
  const [error1, error2, norm1, norm2] = [new Sum(), new Sum(), new Sum(), new Sum()];
  let errorMax = 0;
  let normMax = 0;
  grid.forEachCell((at, panel, i, j) => {
    const to = direction(PANELS[panel]!, grid.centre(i), grid.centre(j));
    const exact = test.surface(to) - test.ground(to);
    const error = fields.surface[at]! - test.surface(to);
    const weight = weightOf(grid, metrics, i, j);
    error1.add(weight * Math.abs(error));
    error2.add(weight * error * error);
    norm1.add(weight * Math.abs(exact));
    norm2.add(weight * exact * exact);
    errorMax = Math.max(errorMax, Math.abs(error));
    normMax = Math.max(normMax, Math.abs(exact));
  });
  return {
    l1: error1.value / norm1.value,
    l2: Math.sqrt(error2.value / norm2.value),
    linf: errorMax / normMax,
  };
}
