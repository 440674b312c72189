/**
 * The height field as a map: bands of colour between contours, graticule, scale, and what is shown.
 *
 * Plate carrée, three pixels a degree; 180° W is on the left, north on top. The scale is fixed by the test case, so
 * that the pictures of a run can be compared.
 */
import type { CubedSphere } from "../cubed-sphere.ts";
import type { Fields } from "../fields.ts";
import { RegularSampler } from "../regular-sampler.ts";
import { MOUNTAIN } from "../test-cases.ts";
import type { TestCase } from "../test-cases.ts";
import { BROWN, Canvas, INK, TEXT_HEIGHT } from "./canvas.ts";
import type { Box } from "./canvas.ts";
import { bandColours, PAPER } from "./colours.ts";
import { traceContours } from "./contours.ts";
import type { Lattice, Levels } from "./contours.ts";

/** Pixels a degree. */
const SCALE = 3;
const MAP: Box = { left: 66, top: 74, right: 66 + 360 * SCALE, bottom: 74 + 180 * SCALE };
const WIDTH = MAP.right + 132;
const HEIGHT = MAP.bottom + 40;
/** The field is sampled at whole degrees, 180° W to 180° E and 90° N to 90° S. */
const [COLUMNS, ROWS] = [361, 181];
const GRATICULE_DEGREES = 30;
/** Every fifth contour is drawn bold. */
const BOLD_EVERY = 5;
/** How much ink for what matters less. */
const MUTED = 0.7;

/** The contours of a case, m. */
function levelsOf(test: TestCase): Levels {
  if (test.number === 2) return { low: 1_100, high: 2_900, interval: 100 };
  if (test.number === 5) return { low: 5_050, high: 5_950, interval: 50 };
  return { low: 8_100, high: 10_500, interval: 100 };
}

/** Draws maps of one run. Building it finds where the points of the map lie on the grid. */
export class HeightMap {
  readonly #test: TestCase;
  readonly #grid: CubedSphere;
  readonly #levels: Levels;
  readonly #sampler: RegularSampler;

  constructor(grid: CubedSphere, test: TestCase) {
    this.#test = test;
    this.#grid = grid;
    this.#levels = levelsOf(test);
    this.#sampler = new RegularSampler(grid, COLUMNS, ROWS);
  }

  /**
   * The free surface at `hours` of model time. The fields' ghosts must be up to date.
   *
   * @returns the bytes of a PNG file
   */
  draw(fields: Fields, hours: number): Uint8Array {
    const lattice = { columns: COLUMNS, rows: ROWS, values: this.#sampler.sample(fields.surface) };
    const canvas = new Canvas(WIDTH, HEIGHT, [PAPER, ...bandColours(bandCount(this.#levels))]);
    drawBands(canvas, lattice, this.#levels);
    drawGraticule(canvas);
    drawContours(canvas, lattice, this.#levels);
    if (this.#test.number === 5) drawMountain(canvas);
    canvas.frame(MAP, INK);
    drawScale(canvas, this.#levels);
    this.#drawCaption(canvas, lattice, hours);
    return canvas.toPng();
  }

  #drawCaption(canvas: Canvas, lattice: Lattice, hours: number): void {
    const { title, number } = this.#test;
    const { n } = this.#grid;
    canvas.text(MAP.left, 12, `${title} (Williamson et al. 1992, case ${number})`, 1);
    canvas.text(MAP.right, 12, `day ${(hours / 24).toFixed(2)}`, 1, "right");
    const low = lattice.values.reduce((a, b) => Math.min(a, b));
    const high = lattice.values.reduce((a, b) => Math.max(a, b));
    const range = `height of the free surface, ${low.toFixed(0)} to ${high.toFixed(0)} m`;
    const ground = number === 5 ? ", mountain in brown" : "";
    canvas.text(MAP.left, 40, `${range}${ground}`, MUTED);
    canvas.text(MAP.right, 40, `6 × ${n} × ${n} cells`, MUTED, "right");
  }
}

/** One band between each two contours, one below the lowest and one above the highest. */
function bandCount({ low, high, interval }: Levels): number {
  return Math.round((high - low) / interval) + 2;
}

function drawBands(canvas: Canvas, { columns, values }: Lattice, { low, high, interval }: Levels): void {
  const last = bandCount({ low, high, interval }) - 1;
  for (let y = 0; y < MAP.bottom - MAP.top; y++) {
    const row = Math.floor((y + 0.5) / SCALE);
    const down = (y + 0.5) / SCALE - row;
    for (let x = 0; x < MAP.right - MAP.left; x++) {
      const column = Math.floor((x + 0.5) / SCALE);
      const right = (x + 0.5) / SCALE - column;
      const at = row * columns + column;
      const upper = values[at]! + (values[at + 1]! - values[at]!) * right;
      const lower = values[at + columns]! + (values[at + columns + 1]! - values[at + columns]!) * right;
      const band = Math.floor((upper + (lower - upper) * down - low) / interval) + 1;
      canvas.set(MAP.left + x, MAP.top + y, 1 + Math.min(last, Math.max(0, band))); // colour 0 is the paper
    }
  }
}

const xOf = (longitude: number): number => MAP.left + (longitude + 180) * SCALE - 0.5;
const yOf = (latitude: number): number => MAP.top + (90 - latitude) * SCALE - 0.5;

function drawGraticule(canvas: Canvas): void {
  for (let longitude = -180; longitude <= 180; longitude += GRATICULE_DEGREES) {
    const x = Math.round(xOf(longitude));
    if (Math.abs(longitude) < 180) for (let y = MAP.top; y < MAP.bottom; y++) dot(canvas, x, y, y);
    canvas.stroke({ left: x, top: MAP.bottom, right: x + 1, bottom: MAP.bottom + 6 }, INK);
    canvas.text(x, MAP.bottom + 12, degrees(longitude, "W", "E"), 1, "centre");
  }
  for (let latitude = -90; latitude <= 90; latitude += GRATICULE_DEGREES) {
    const y = Math.round(yOf(latitude));
    if (Math.abs(latitude) < 90) for (let x = MAP.left; x < MAP.right; x++) dot(canvas, x, y, x);
    canvas.stroke({ left: MAP.left - 6, top: y, right: MAP.left, bottom: y + 1 }, INK);
    canvas.text(MAP.left - 10, y - TEXT_HEIGHT / 2, degrees(latitude, "S", "N"), 1, "right");
  }
}

/** Two pixels of six of a dotted line. */
function dot(canvas: Canvas, x: number, y: number, along: number): void {
  if (along % 6 < 2) canvas.ink(x, y, INK, 0.5);
}

function degrees(angle: number, negative: string, positive: string): string {
  const side = angle === 0 || Math.abs(angle) === 180 ? "" : angle < 0 ? negative : positive;
  return `${Math.abs(angle)}°${side}`;
}

function drawContours(canvas: Canvas, lattice: Lattice, levels: Levels): void {
  traceContours(lattice, levels, (level, x0, y0, x1, y1) => {
    const bold = Math.round(level / levels.interval) % BOLD_EVERY === 0;
    const [width, cover] = bold ? [1.6, 0.9] : [0.8, 0.6];
    canvas.line(xOf(x0 - 180), yOf(90 - y0), xOf(x1 - 180), yOf(90 - y1), INK, width, cover, MAP);
  });
}

/** The mountain of case 5: its foot and every 500 m, which are circles on this map. */
function drawMountain(canvas: Canvas): void {
  const toDegrees = 180 / Math.PI;
  for (let height = 0; height < MOUNTAIN.height; height += 500) {
    const radius = MOUNTAIN.radius * (1 - height / MOUNTAIN.height);
    const x = (angle: number): number => xOf((MOUNTAIN.longitude + radius * Math.cos(angle)) * toDegrees);
    const y = (angle: number): number => yOf((MOUNTAIN.latitude + radius * Math.sin(angle)) * toDegrees);
    const pieces = 90;
    for (let k = 0; k < pieces; k++) {
      const from = (2 * Math.PI * k) / pieces;
      const to = (2 * Math.PI * (k + 1)) / pieces;
      canvas.line(x(from), y(from), x(to), y(to), BROWN, 1.6, 1, MAP);
    }
  }
}

function drawScale(canvas: Canvas, levels: Levels): void {
  const count = bandCount(levels);
  const bandHeight = Math.floor((MAP.bottom - MAP.top) / count);
  const bottom = MAP.bottom - Math.floor((MAP.bottom - MAP.top - bandHeight * count) / 2);
  const box: Box = { left: MAP.right + 26, top: bottom - bandHeight * count, right: MAP.right + 50, bottom };
  const labelEvery = Math.ceil((TEXT_HEIGHT + 6) / bandHeight);
  for (let band = 0; band < count; band++) {
    const y = bottom - (band + 1) * bandHeight; // the upper edge of the band, where the next contour is
    canvas.fill({ ...box, top: y, bottom: y + bandHeight }, 1 + band);
    if (band === count - 1) continue;
    const labelled = band % labelEvery === 0;
    canvas.stroke({ left: box.right, top: y, right: box.right + (labelled ? 7 : 4), bottom: y + 1 }, INK);
    if (labelled) canvas.text(box.right + 11, y - TEXT_HEIGHT / 2, String(levels.low + band * levels.interval), 1);
  }
  canvas.frame(box, INK);
  canvas.text((box.left + box.right) >> 1, box.top - TEXT_HEIGHT - 8, "m", 1, "centre");
}
