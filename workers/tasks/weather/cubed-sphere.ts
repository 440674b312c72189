/**
 * The equiangular gnomonic cubed sphere (Ronchi, Iacono & Paolucci 1996, J. Comput. Phys. 124, 93–114).
 *
 * Six panels of n × n cells. A panel has its own Cartesian axes (x outwards through its centre, y along its first
 * coordinate α, z along its second, β), and a point of it is the direction (1, X, Y)/ρ with X = tan α, Y = tan β,
 * ρ = √(1 + X² + Y²), α and β in [−π/4, π/4].
 *
 * Winds are Cartesian vectors in the axes of their panel (the Cartesian method of Swarztrauber, Williamson & Drake
 * 1997), so nothing is singular at poles, corners or panel edges. A wind is tangent to the sphere, that is
 * u_x = −(X u_y + Y u_z): two components are stored, the third follows.
 *
 * G1 The axes of two panels differ by a signed permutation, so carrying a vector across a panel edge rounds nothing.
 * G2 Every panel has `HALO` rows of ghost cells around it: the panel's own grid lines, continued over its neighbours.
 *    The four corner blocks of the halo belong to no panel and are never read.
 */

/** Ghost cells on each side: three cells on each side of a face, and one more face on each side for the difference. */
export const HALO = 4;

export type Vector = readonly [number, number, number];

/** The axes of a panel, in the planet's axes (x to 0°E 0°N, y to 90°E, z to the north pole). */
export interface Panel {
  readonly x: Vector;
  readonly y: Vector;
  readonly z: Vector;
}

/** Panels 0–3 stand around the equator at 0°, 90°, 180°, 270° E; 4 is the north, 5 the south. */
export const PANELS: readonly Panel[] = [
  { x: [1, 0, 0], y: [0, 1, 0], z: [0, 0, 1] },
  { x: [0, 1, 0], y: [-1, 0, 0], z: [0, 0, 1] },
  { x: [-1, 0, 0], y: [0, -1, 0], z: [0, 0, 1] },
  { x: [0, -1, 0], y: [1, 0, 0], z: [0, 0, 1] },
  { x: [0, 0, 1], y: [0, 1, 0], z: [-1, 0, 0] },
  { x: [0, 0, -1], y: [0, 1, 0], z: [1, 0, 0] },
];

/** A point of the sphere in the coordinates of a panel; α and β in radians. */
export interface PanelPoint {
  readonly panel: number;
  readonly alpha: number;
  readonly beta: number;
}

export function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** A vector given in the axes of `panel`, in the planet's axes. */
export function toPlanet(panel: Panel, v: Vector): Vector {
  return [
    panel.x[0] * v[0] + panel.y[0] * v[1] + panel.z[0] * v[2],
    panel.x[1] * v[0] + panel.y[1] * v[1] + panel.z[1] * v[2],
    panel.x[2] * v[0] + panel.y[2] * v[1] + panel.z[2] * v[2],
  ];
}

/** Unit vector to the point (α, β) of `panel`, also beyond its edges, in the planet's axes. */
export function direction(panel: Panel, alpha: number, beta: number): Vector {
  const x = Math.tan(alpha);
  const y = Math.tan(beta);
  const rho = Math.sqrt(1 + x * x + y * y);
  return toPlanet(panel, [1 / rho, x / rho, y / rho]);
}

/** The coordinates of a direction in a given panel, also beyond its edges; the direction must be in its hemisphere. */
export function project(panel: Panel, to: Vector): { readonly alpha: number; readonly beta: number } {
  const x = dot(panel.x, to);
  return { alpha: Math.atan2(dot(panel.y, to), x), beta: Math.atan2(dot(panel.z, to), x) };
}

/** The panel that a direction falls on; on an edge, the one with the lower number. */
export function locate(to: Vector): PanelPoint {
  let best = 0;
  let panel = PANELS[0]!;
  for (const [index, candidate] of PANELS.entries()) {
    if (dot(candidate.x, to) > dot(panel.x, to)) {
      best = index;
      panel = candidate;
    }
  }
  return { panel: best, ...project(panel, to) };
}

/** Latitude and longitude of a direction, radians; longitude in (−π, π]. */
export function toLatLon(to: Vector): { readonly latitude: number; readonly longitude: number } {
  return { latitude: Math.atan2(to[2], Math.hypot(to[0], to[1])), longitude: Math.atan2(to[1], to[0]) };
}

/** Unit vectors up, east and north at a place; at a pole, east is that of the given longitude. */
export function compass(latitude: number, longitude: number): { up: Vector; east: Vector; north: Vector } {
  const [sinLat, cosLat] = [Math.sin(latitude), Math.cos(latitude)];
  const [sinLon, cosLon] = [Math.sin(longitude), Math.cos(longitude)];
  return {
    up: [cosLat * cosLon, cosLat * sinLon, sinLat],
    east: [-sinLon, cosLon, 0],
    north: [-sinLat * cosLon, -sinLat * sinLon, cosLat],
  };
}

/** Sizes and addresses of the grid with `n` cells along one side of a panel. */
export class CubedSphere {
  readonly n: number;
  /** Cells along one side of a panel with its halo. */
  readonly width: number;
  /** Cells of a panel with its halo. */
  readonly panelSize: number;
  /** Spacing of the grid lines in α and β, radians. */
  readonly delta: number;

  constructor(n: number) {
    this.n = n;
    this.width = n + 2 * HALO;
    this.panelSize = this.width * this.width;
    this.delta = Math.PI / 2 / n;
  }

  /** Cells of the sphere, without halos. */
  get cells(): number {
    return 6 * this.n * this.n;
  }

  /** Address of cell (i, j) in arrays over all panels with halos; i along α, j along β, ghosts from −HALO on. */
  at(panel: number, i: number, j: number): number {
    return panel * this.panelSize + (j + HALO) * this.width + i + HALO;
  }

  /** α (or β) of the centre of cell i (or j). */
  centre(i: number): number {
    return -Math.PI / 4 + (i + 0.5) * this.delta;
  }

  /** α (or β) of the face between cells k − 1 and k. */
  face(k: number): number {
    return -Math.PI / 4 + k * this.delta;
  }

  /** Calls `visit` for every cell that is no ghost, in the order in which states are written. */
  forEachCell(visit: (address: number, panel: number, i: number, j: number) => void): void {
    for (let panel = 0; panel < 6; panel++) {
      for (let j = 0; j < this.n; j++) {
        for (let i = 0; i < this.n; i++) visit(this.at(panel, i, j), panel, i, j);
      }
    }
  }
}
