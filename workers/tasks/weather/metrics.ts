/**
 * Everything of the equations that depends on place alone, computed once.
 *
 * With J = a²(1+X²)(1+Y²)/ρ³ the area per dα dβ, and the wind in the panel's axes, the equations read
 *
 *   J ∂h/∂t + ∂(h U)/∂α + ∂(h V)/∂β = 0
 *   h J (∂u_y/∂t + …) = − [∂(h U u_y)/∂α + ∂(h V u_y)/∂β − u_y (∂(h U)/∂α + ∂(h V)/∂β)]
 *   ∂u_y/∂t = advection − gρ/(a(1+X²)) ∂η/∂α + (f/ρ)(u_z − Y u_x) − (|u|²/(aρ)) X
 *   ∂u_z/∂t = advection − gρ/(a(1+Y²)) ∂η/∂β − (f/ρ)(u_y − X u_x) − (|u|²/(aρ)) Y
 *
 * where U = J u·∇α = (a(1+Y²)/ρ²)[(1+X²)u_y + XY u_z], V likewise with the axes swapped; the last terms hold the wind
 * to the sphere. That the gradient's y component has no ∂η/∂β, and its z component no ∂η/∂α, is the gift of these axes.
 *
 * All panels have the same shape and share these arrays; only the ground and the Coriolis parameter differ.
 */
import { direction, PANELS } from "./cubed-sphere.ts";
import type { CubedSphere } from "./cubed-sphere.ts";
import type { FaceGeometry } from "./face-fluxes.ts";
import { GRAVITY, RADIUS } from "./planet.ts";
import type { TestCase } from "./test-cases.ts";

/** Faces crossed by one line of cells: all n + 1 and one beyond each end, for the fourth-order difference. */
export function facesOfLine(n: number): number {
  return n + 3;
}

export interface Metrics {
  /** Faces of constant α, a row of cells after the other: face k of row j at j (n+3) + k + 1. */
  readonly alphaFaces: FaceGeometry;
  /** Faces of constant β, a row of faces after the other: face k of column i at (k+1) n + i. */
  readonly betaFaces: FaceGeometry;
  /** Ground under both kinds of faces, panel after panel, m. */
  readonly alphaGround: Float64Array;
  readonly betaGround: Float64Array;
  /** For each cell of a panel: its area, m². */
  readonly area: Float64Array;
  /** 1/(24 J Δ): what a difference of fluxes (times 24) is multiplied with. */
  readonly perVolume: Float64Array;
  /** gρ/(24 a(1+X²) Δ) and gρ/(24 a(1+Y²) Δ): the same for the surface. */
  readonly slopeY: Float64Array;
  readonly slopeZ: Float64Array;
  /** 1/(aρ). */
  readonly curvature: Float64Array;
  /** For each cell of all panels: height of the ground, m, and f/ρ, 1/s. */
  readonly ground: Float64Array;
  readonly turning: Float64Array;
  /** tan of the cells' coordinate along one side. */
  readonly tangent: Float64Array;
}

function faceGeometry(count: number): FaceGeometry {
  const array = (): Float64Array => new Float64Array(count);
  return { normal: array(), tangent: array(), inverseLength: array() };
}

/** Sets face `at`, crossed by the axis with tangent `x` and running along that with tangent `y`. */
function setFace(faces: FaceGeometry, at: number, x: number, y: number): void {
  const shape = (RADIUS * (1 + y * y)) / (1 + x * x + y * y);
  faces.normal[at] = shape * (1 + x * x);
  faces.tangent[at] = shape * x * y;
  faces.inverseLength[at] = 1 / (shape * Math.sqrt(1 + x * x));
}

/** Geometry of `grid` with the ground and the rotation of `test`. */
export function buildMetrics(grid: CubedSphere, test: TestCase): Metrics {
  const { n, delta } = grid;
  const faces = facesOfLine(n);
  const cells = n * n;
  const array = (length: number): Float64Array => new Float64Array(length);
  const metrics: Metrics = {
    alphaFaces: faceGeometry(faces * n),
    betaFaces: faceGeometry(faces * n),
    alphaGround: array(6 * faces * n),
    betaGround: array(6 * faces * n),
    area: array(cells),
    perVolume: array(cells),
    slopeY: array(cells),
    slopeZ: array(cells),
    curvature: array(cells),
    ground: array(6 * cells),
    turning: array(6 * cells),
    tangent: array(n),
  };
  for (let line = 0; line < n; line++) {
    const y = Math.tan(grid.centre(line));
    metrics.tangent[line] = y;
    for (let k = -1; k <= n + 1; k++) {
      const x = Math.tan(grid.face(k));
      setFace(metrics.alphaFaces, line * faces + k + 1, x, y);
      setFace(metrics.betaFaces, (k + 1) * n + line, x, y);
      for (const [p, panel] of PANELS.entries()) {
        const across = direction(panel, grid.face(k), grid.centre(line));
        const along = direction(panel, grid.centre(line), grid.face(k));
        metrics.alphaGround[p * faces * n + line * faces + k + 1] = test.ground(across);
        metrics.betaGround[p * faces * n + (k + 1) * n + line] = test.ground(along);
      }
    }
  }
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) {
      const x = Math.tan(grid.centre(i));
      const y = Math.tan(grid.centre(j));
      const rho = Math.sqrt(1 + x * x + y * y);
      const jacobian = (RADIUS * RADIUS * (1 + x * x) * (1 + y * y)) / (rho * rho * rho);
      const cell = j * n + i;
      metrics.area[cell] = jacobian * delta * delta;
      metrics.perVolume[cell] = 1 / (24 * jacobian * delta);
      metrics.slopeY[cell] = (GRAVITY * rho) / (24 * RADIUS * (1 + x * x) * delta);
      metrics.slopeZ[cell] = (GRAVITY * rho) / (24 * RADIUS * (1 + y * y) * delta);
      metrics.curvature[cell] = 1 / (RADIUS * rho);
      for (const [p, panel] of PANELS.entries()) {
        const to = direction(panel, grid.centre(i), grid.centre(j));
        metrics.ground[p * cells + cell] = test.ground(to);
        metrics.turning[p * cells + cell] = test.coriolis(to) / rho;
      }
    }
  }
  return metrics;
}

/**
 * The longest stable time step for waves of speed `fastest`, m/s, in seconds.
 *
 * The grid is densest at the corners of the cube, where |∇α| + |∇β| = 2 √(3/2) / a.
 */
export function longestStep(grid: CubedSphere, fastest: number, courant: number): number {
  return (courant * grid.delta * RADIUS) / (2 * Math.sqrt(1.5) * fastest);
}
