/**
 * What crosses the faces between cells: reconstruction and Riemann solution, for one line of faces.
 *
 * Point values of surface and wind are interpolated to the middle of the face from both sides with the five-point
 * upwind-biased formula (fifth order); `mean` and `jump` below are half the sum and half the difference of the two,
 * that is a sixth-order centred value and a fifth-difference that acts as dissipation. The two sides meet in the low
 * Mach number approximate Riemann solver LMARS (Chen et al. 2013, Mon. Wea. Rev. 141; for shallow water on the cubed
 * sphere Chen 2021, JAMES 13, e2020MS002280):
 *
 *   u* = ½(u_L + u_R) + ½ √(g/h) (η_L − η_R)      what carries everything through the face, upwind
 *   η* = ½(η_L + η_R) + ½ √(h/g) (u_L − u_R)      what pushes
 *
 * F1 Only + − × ÷, √ and | | are used, all of them exactly rounded by IEEE 754: a step gives the same bits everywhere.
 * F2 At rest under a level surface both jumps vanish whatever the ground: nothing starts to move by itself.
 */
import { GRAVITY } from "./planet.ts";

/** Geometry of faces. */
export interface FaceGeometry {
  /** Normal flux per unit of the face's coordinate: `normal` × wind across + `tangent` × wind along, m. */
  readonly normal: Float64Array;
  readonly tangent: Float64Array;
  /** 1 / length of the face per unit of its coordinate, 1/m. */
  readonly inverseLength: Float64Array;
}

/** What the kernel finds for each face of a line. */
export interface FaceFluxes {
  /** Volume through the face per second and unit of its coordinate, m³/s. */
  readonly volume: Float64Array;
  /** Volume times the component of the wind across and along the face's panel axes. */
  readonly across: Float64Array;
  readonly along: Float64Array;
  /** Surface height at the face, η*, m. */
  readonly surface: Float64Array;
}

export function emptyFluxes(faces: number): FaceFluxes {
  const array = (): Float64Array => new Float64Array(faces);
  return { volume: array(), across: array(), along: array(), surface: array() };
}

/** A line of faces in memory. */
export interface FaceLine {
  readonly count: number;
  /** Index of the first face: in the geometry, in the ground of all panels, in the fluxes. */
  readonly face: number;
  readonly under: number;
  readonly out: number;
  /** Address of the cell beyond the first face, in the direction in which the coordinate grows. */
  readonly cell: number;
  /** Distance in memory between the cells on the two sides of a face. */
  readonly apart: number;
}

/**
 * Solves a line of faces that lie side by side in memory.
 *
 * `across` is the wind component along the panel axis that crosses the faces, `along` the other one.
 */
export function solveFaces(
  line: FaceLine,
  surface: Float64Array,
  across: Float64Array,
  along: Float64Array,
  ground: Float64Array,
  geometry: FaceGeometry,
  fluxes: FaceFluxes,
): void {
  // Constants of this function, not of the module: a bundler turns those into variables, which are then looked up,
  // checked and unboxed at every use (measured: a fifth fewer cells a second).
  const meanNear = 150 / 256;
  const meanNext = -25 / 256;
  const meanFar = 3 / 256;
  const jumpNear = 30 / 256;
  const jumpNext = -15 / 256;
  const jumpFar = 3 / 256;
  const perGravity = 1 / GRAVITY;
  const { normal, tangent, inverseLength } = geometry;
  const { volume: volumeOut, across: acrossOut, along: alongOut, surface: surfaceOut } = fluxes;
  const { count, apart } = line;
  let right = line.cell;
  let face = line.face;
  let under = line.under;
  let out = line.out;
  for (let k = 0; k < count; k++) {
    const left1 = right - apart;
    const left2 = left1 - apart;
    const left3 = left2 - apart;
    const right2 = right + apart;
    const right3 = right2 + apart;

    let a = surface[left1]!;
    let b = surface[right]!;
    let c = surface[left2]!;
    let d = surface[right2]!;
    let e = surface[left3]!;
    let f = surface[right3]!;
    const heightMean = meanNear * (a + b) + meanNext * (c + d) + meanFar * (e + f);
    const heightJump = jumpNear * (a - b) + jumpNext * (c - d) + jumpFar * (e - f);
    a = across[left1]!;
    b = across[right]!;
    c = across[left2]!;
    d = across[right2]!;
    e = across[left3]!;
    f = across[right3]!;
    const acrossMean = meanNear * (a + b) + meanNext * (c + d) + meanFar * (e + f);
    const acrossJump = jumpNear * (a - b) + jumpNext * (c - d) + jumpFar * (e - f);
    a = along[left1]!;
    b = along[right]!;
    c = along[left2]!;
    d = along[right2]!;
    e = along[left3]!;
    f = along[right3]!;
    const alongMean = meanNear * (a + b) + meanNext * (c + d) + meanFar * (e + f);
    const alongJump = jumpNear * (a - b) + jumpNext * (c - d) + jumpFar * (e - f);

    const p = normal[face]!;
    const q = tangent[face]!;
    const depth = heightMean - ground[under]!;
    const impedance = inverseLength[face]! * Math.sqrt(depth * perGravity); // √(h/g), per length of the face
    const speed = p * acrossMean + q * alongMean + heightJump / impedance; // u*, times length
    // Upwind values are mean ± jump with the sign of the flux: flux × mean + |flux| × jump, without a branch.
    const volume = speed * depth + Math.abs(speed) * heightJump;
    const size = Math.abs(volume);
    volumeOut[out] = volume;
    acrossOut[out] = volume * acrossMean + size * acrossJump;
    alongOut[out] = volume * alongMean + size * alongJump;
    surfaceOut[out] = heightMean + impedance * (p * acrossJump + q * alongJump); // η*
    right++;
    face++;
    under++;
    out++;
  }
}
