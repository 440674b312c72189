/**
 * The shallow-water equations on the rotating sphere, stepped in time.
 *
 * Space: fluxes at the middles of faces (face-fluxes.ts), differenced to the centres of cells by the conservative
 * fourth-order formula (27 (F₊½ − F₋½) − (F₊₃⁄₂ − F₋₃⁄₂)) / 24, as in explicit weighted compact nonlinear schemes
 * (Deng & Zhang 2000; review: Chen & Deng 2024, Adv. Aerodyn. 6:2), here with linear weights: weather is smooth.
 * Time: the three-stage, third-order strong-stability-preserving Runge–Kutta method (Shu & Osher 1988).
 *
 * S1 The volume of the fluid changes by rounding only: the formula telescopes within a panel, panel-edges.ts does the rest.
 * S2 A level surface at rest stays at rest over any ground: only η drives the wind, and η* of equal η is η.
 * S3 A step uses only exactly rounded operations in a fixed order, and the time step depends on the input alone:
 *    the state after n steps is the same bits whether or not the run was cut, saved and loaded in between.
 */
import type { CubedSphere } from "./cubed-sphere.ts";
import { emptyFluxes, solveFaces } from "./face-fluxes.ts";
import type { FaceFluxes } from "./face-fluxes.ts";
import { emptyFields, initialFields } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { Halo } from "./halo.ts";
import { buildMetrics, facesOfLine } from "./metrics.ts";
import type { Metrics } from "./metrics.ts";
import { PanelEdges } from "./panel-edges.ts";
import type { TestCase } from "./test-cases.ts";

/**
 * One stage of Runge–Kutta: `to` = `base` + `take` × (`from` − `base` + step × tendency of `from`).
 *
 * In this form a conserved sum stays put. As ⅓ `base` + ⅔ (…) it would lose 5.5e-17 of itself each step, because the
 * nearest doubles to ⅓ and ⅔ do not add up to 1 (S1).
 */
interface Stage {
  readonly base: Fields;
  readonly from: Fields;
  readonly to: Fields;
  readonly take: number;
}

/** Rows of β faces that a row of cells needs. */
const ROWS_KEPT = 4;

export class ShallowWater {
  readonly grid: CubedSphere;
  readonly metrics: Metrics;
  /** The state; ghosts are up to date after `fillHalo`. */
  readonly fields: Fields;
  /** Time step, s. */
  readonly step: number;

  readonly #halo: Halo;
  readonly #edges: PanelEdges;
  /** Fluxes through the faces that the row of cells at hand crosses, and through the last four rows of faces. */
  readonly #alpha: FaceFluxes;
  readonly #beta: FaceFluxes;
  readonly #stages: readonly Stage[];
  #nextStage = 0;

  /** Begins with the initial state of `test`; `step` in seconds. */
  constructor(grid: CubedSphere, test: TestCase, step: number) {
    this.grid = grid;
    this.metrics = buildMetrics(grid, test);
    this.step = step;
    this.fields = initialFields(grid, test);
    this.#halo = new Halo(grid);
    this.#edges = new PanelEdges(grid);
    this.#alpha = emptyFluxes(facesOfLine(grid.n));
    this.#beta = emptyFluxes(ROWS_KEPT * grid.n);
    const [now, first, second] = [this.fields, emptyFields(grid), emptyFields(grid)];
    this.#stages = [
      { base: now, from: now, to: first, take: 1 },
      { base: now, from: first, to: second, take: 1 / 4 },
      { base: now, from: second, to: now, take: 2 / 3 },
    ];
  }

  /**
   * Computes the next stage of the time step under way, and tells whether the step is complete with it.
   *
   * Until then `fields` is the state before the step: a run may be saved between stages, and loses two at most.
   */
  advanceStage(): boolean {
    const stage = this.#stages[this.#nextStage]!;
    this.#halo.fill(stage.from);
    for (let panel = 0; panel < 6; panel++) this.#advancePanel(panel, stage);
    this.#edges.reconcile(stage.to.surface, this.metrics.perVolume, stage.take * this.step);
    this.#nextStage = (this.#nextStage + 1) % this.#stages.length;
    return this.#nextStage === 0;
  }

  /** Brings the ghosts of the state up to date, for those who interpolate or differentiate it. */
  fillHalo(): void {
    this.#halo.fill(this.fields);
  }

  /** Row by row, so that the fluxes stay in the nearest cache: each row of cells needs four rows of β faces. */
  #advancePanel(panel: number, stage: Stage): void {
    this.#edges.begin(panel);
    for (let k = -1; k < 2; k++) this.#solveBetaRow(panel, k, stage.from);
    for (let j = 0; j < this.grid.n; j++) {
      this.#solveBetaRow(panel, j + 2, stage.from);
      this.#solveAlphaRow(panel, j, stage.from);
      this.#updateRow(panel, j, stage);
    }
  }

  #solveAlphaRow(panel: number, j: number, from: Fields): void {
    const { grid, metrics } = this;
    const count = facesOfLine(grid.n);
    const face = j * count;
    const under = panel * count * grid.n + face;
    const line = { count, face, under, out: 0, cell: grid.at(panel, -1, j), apart: 1 };
    solveFaces(line, from.surface, from.windY, from.windZ, metrics.alphaGround, metrics.alphaFaces, this.#alpha);
    this.#edges.recordAlpha(panel, j, this.#alpha.volume);
  }

  #solveBetaRow(panel: number, k: number, from: Fields): void {
    const { grid, metrics } = this;
    const { n } = grid;
    const face = (k + 1) * n;
    const under = panel * facesOfLine(n) * n + face;
    const out = ((k + 1) % ROWS_KEPT) * n;
    const line = { count: n, face, under, out, cell: grid.at(panel, 0, k), apart: grid.width };
    solveFaces(line, from.surface, from.windZ, from.windY, metrics.betaGround, metrics.betaFaces, this.#beta);
    this.#edges.recordBeta(panel, k, this.#beta.volume, out);
  }

  #updateRow(panel: number, j: number, stage: Stage): void {
    const { n } = this.grid;
    const { perVolume, slopeY, slopeZ, curvature, ground, turning, tangent } = this.metrics;
    const { volume: aVolume, across: aY, along: aZ, surface: aSurface } = this.#alpha;
    const { volume: bVolume, across: bZ, along: bY, surface: bSurface } = this.#beta;
    const { surface, windY, windZ } = stage.from;
    const { surface: baseSurface, windY: baseY, windZ: baseZ } = stage.base;
    const { surface: toSurface, windY: toY, windZ: toZ } = stage.to;
    const { take } = stage;
    const step = this.step;
    const y = tangent[j]!;
    let at = this.grid.at(panel, 0, j);
    let cell = j * n;
    let own = panel * n * n + cell;
    let b0 = (j % ROWS_KEPT) * n;
    let b1 = ((j + 1) % ROWS_KEPT) * n;
    let b2 = ((j + 2) % ROWS_KEPT) * n;
    let b3 = ((j + 3) % ROWS_KEPT) * n;
    for (let i = 0; i < n; i++) {
      const a1 = i + 1;
      const a2 = i + 2;
      const a3 = i + 3;
      const x = tangent[i]!;
      const eta = surface[at]!;
      const vy = windY[at]!;
      const vz = windZ[at]!;
      const vx = -(x * vy + y * vz);

      const out =
        27 * (aVolume[a2]! - aVolume[a1]! + (bVolume[b2]! - bVolume[b1]!)) -
        (aVolume[a3]! - aVolume[i]! + (bVolume[b3]! - bVolume[b0]!));
      const outY = 27 * (aY[a2]! - aY[a1]! + (bY[b2]! - bY[b1]!)) - (aY[a3]! - aY[i]! + (bY[b3]! - bY[b0]!));
      const outZ = 27 * (aZ[a2]! - aZ[a1]! + (bZ[b2]! - bZ[b1]!)) - (aZ[a3]! - aZ[i]! + (bZ[b3]! - bZ[b0]!));
      const riseY = 27 * (aSurface[a2]! - aSurface[a1]!) - (aSurface[a3]! - aSurface[i]!);
      const riseZ = 27 * (bSurface[b2]! - bSurface[b1]!) - (bSurface[b3]! - bSurface[b0]!);

      const per = perVolume[cell]!;
      const carry = per / (eta - ground[own]!);
      const turn = turning[own]!;
      const hold = curvature[cell]! * (vx * vx + vy * vy + vz * vz);
      const accelerationY = -carry * (outY - vy * out) - slopeY[cell]! * riseY + turn * (vz - y * vx) - hold * x;
      const accelerationZ = -carry * (outZ - vz * out) - slopeZ[cell]! * riseZ - turn * (vy - x * vx) - hold * y;

      const eta0 = baseSurface[at]!;
      const vy0 = baseY[at]!;
      const vz0 = baseZ[at]!;
      toSurface[at] = eta0 + take * (eta - eta0 - step * per * out);
      toY[at] = vy0 + take * (vy - vy0 + step * accelerationY);
      toZ[at] = vz0 + take * (vz - vz0 + step * accelerationZ);
      at++;
      cell++;
      own++;
      b0++;
      b1++;
      b2++;
      b3++;
    }
  }
}
