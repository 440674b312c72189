/**
 * Initial states of test cases 2, 5 and 6 of Williamson et al. 1992 (J. Comput. Phys. 102, 211–224).
 *
 * Angles in radians, heights in m, winds in m/s. `tilt` is the paper's α, the angle between the axis of the flow and
 * that of the planet (the Coriolis parameter is tilted with it), in cases 2 and 5 only.
 *
 * Powers are written as products: how `Math.pow` rounds differs between machines and stages of compilation, and these
 * states must have the same bits on every worker.
 */
import type { Vector } from "./cubed-sphere.ts";
import { compass, toLatLon } from "./cubed-sphere.ts";
import { DAY_S, GRAVITY, RADIUS, ROTATION } from "./planet.ts";

export type CaseNumber = 2 | 5 | 6;

export interface TestCase {
  readonly number: CaseNumber;
  readonly title: string;
  /** Height of the free surface. */
  surface(to: Vector): number;
  /** Wind, in the planet's axes. */
  wind(to: Vector): Vector;
  /** Height of the ground. */
  ground(to: Vector): number;
  /** Coriolis parameter, 1/s. */
  coriolis(to: Vector): number;
  /** Is the initial state the exact solution for all times? */
  readonly steady: boolean;
  /** Bound on the speed of gravity waves plus wind during the run, m/s: it sets the time step. */
  readonly fastest: number;
}

/** Solid-body rotation around a tilted axis, in geostrophic balance with its surface. */
function balancedRotation(speed: number, surfaceAtEquator: number, tilt: number) {
  const axis: Vector = [-Math.sin(tilt), 0, Math.cos(tilt)];
  const sine = (to: Vector): number => to[0] * axis[0] + to[1] * axis[1] + to[2] * axis[2];
  const fall = (RADIUS * ROTATION * speed + (speed * speed) / 2) / GRAVITY;
  return {
    surface: (to: Vector): number => surfaceAtEquator - fall * sine(to) * sine(to),
    wind: (to: Vector): Vector => [
      speed * (axis[1] * to[2] - axis[2] * to[1]),
      speed * (axis[2] * to[0] - axis[0] * to[2]),
      speed * (axis[0] * to[1] - axis[1] * to[0]),
    ],
    coriolis: (to: Vector): number => 2 * ROTATION * sine(to),
  };
}

/** Case 2: global steady nonlinear zonal geostrophic flow. */
function steadyFlow(tilt: number): TestCase {
  const speed = (2 * Math.PI * RADIUS) / (12 * DAY_S);
  const height = 2.94e4 / GRAVITY;
  return {
    number: 2,
    title: "Steady zonal geostrophic flow",
    ...balancedRotation(speed, height, tilt),
    ground: () => 0,
    steady: true,
    fastest: Math.sqrt(GRAVITY * height) + speed,
  };
}

/** The mountain of case 5: a cone of 2000 m, its foot a circle of 20° in longitude and latitude. */
export const MOUNTAIN = { longitude: -Math.PI / 2, latitude: Math.PI / 6, radius: Math.PI / 9, height: 2_000 } as const;

/** Case 5: zonal flow over an isolated mountain. */
function isolatedMountain(tilt: number): TestCase {
  return {
    number: 5,
    title: "Zonal flow over an isolated mountain",
    ...balancedRotation(20, 5_960, tilt),
    ground: (to) => {
      const { latitude, longitude } = toLatLon(to);
      let east = longitude - MOUNTAIN.longitude;
      if (east > Math.PI) east -= 2 * Math.PI;
      const distance = Math.min(MOUNTAIN.radius, Math.hypot(east, latitude - MOUNTAIN.latitude));
      return MOUNTAIN.height * (1 - distance / MOUNTAIN.radius);
    },
    steady: false,
    fastest: Math.sqrt(GRAVITY * 6_050) + 50,
  };
}

/** Case 6: Rossby–Haurwitz wave of zonal wave number 4, the formulas with R = 4 put in. */
function rossbyHaurwitz(): TestCase {
  const omega = 7.848e-6;
  const k = 7.848e-6;
  return {
    number: 6,
    title: "Rossby-Haurwitz wave 4",
    surface: (to) => {
      const { latitude, longitude } = toLatLon(to);
      const c2 = Math.cos(latitude) * Math.cos(latitude);
      const c4 = c2 * c2;
      const c6 = c4 * c2;
      const c8 = c4 * c4;
      const a = (omega / 2) * (2 * ROTATION + omega) * c2 + ((k * k) / 4) * (5 * c2 * c8 + 26 * c8 - 32 * c6);
      const b = ((2 * (ROTATION + omega) * k) / 30) * c4 * (26 - 25 * c2);
      const c = ((k * k) / 4) * c8 * (5 * c2 - 6);
      const wave = a + b * Math.cos(4 * longitude) + c * Math.cos(8 * longitude);
      return 8_000 + (RADIUS * RADIUS * wave) / GRAVITY;
    },
    wind: (to) => {
      const { latitude, longitude } = toLatLon(to);
      const sine = Math.sin(latitude);
      const cosine = Math.cos(latitude);
      const wave = RADIUS * k * cosine * cosine * cosine;
      const u = RADIUS * omega * cosine + wave * (4 * sine * sine - cosine * cosine) * Math.cos(4 * longitude);
      const v = -4 * wave * sine * Math.sin(4 * longitude);
      const { east, north } = compass(latitude, longitude);
      return [u * east[0] + v * north[0], u * east[1] + v * north[1], u * east[2] + v * north[2]];
    },
    ground: () => 0,
    coriolis: (to) => 2 * ROTATION * to[2],
    steady: false,
    fastest: Math.sqrt(GRAVITY * 10_700) + 110,
  };
}

/** The test case with this number, its flow tilted by `tilt` against the planet's axis (not case 6). */
export function testCase(number: CaseNumber, tilt = 0): TestCase {
  if (number === 2) return steadyFlow(tilt);
  if (number === 5) return isolatedMountain(tilt);
  return rossbyHaurwitz();
}
