/**
 * A picture to draw on: areas of flat colours, and over them smooth lines and text in two inks.
 *
 * A pixel is a flat colour, an ink, and how much of it the ink covers. Cover is rounded to a few steps when the picture
 * is written, so that all combinations fit into a palette of 256 colours: a fifth of the size of full colour.
 */
import { GLYPH_HEIGHT, GLYPH_WIDTH, smoothed } from "./font.ts";
import { encodePng } from "./png.ts";

export type Colour = readonly [red: number, green: number, blue: number];

/** A part of the canvas, in pixels; right and bottom are outside. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** An ink: its place in the palette, and in how many steps it covers. */
interface Ink {
  readonly colour: Colour;
  readonly index: number;
  readonly steps: number;
}

export const INK: Ink = { colour: [28, 28, 34], index: 0, steps: 5 };
export const BROWN: Ink = { colour: [98, 52, 18], index: 1, steps: 3 };
/** Places in the palette for each flat colour: itself, and the steps of both inks. */
const SHADES = 1 + INK.steps + BROWN.steps;

/** Most flat colours that a canvas can have. */
export const MOST_COLOURS = Math.floor(256 / SHADES);

/** Size of a character as drawn, with the gap to the next. */
const CHARACTER_WIDTH = 2 * (GLYPH_WIDTH + 1);
export const TEXT_HEIGHT = 2 * (GLYPH_HEIGHT - 1);

export type Align = "left" | "centre" | "right";

export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #colours: readonly Colour[];
  readonly #flat: Uint8Array;
  readonly #ink: Uint8Array;
  /** 0 … 255. */
  readonly #cover: Uint8Array;

  /** A canvas filled with the first of `colours`, of which there may be MOST_COLOURS. */
  constructor(width: number, height: number, colours: readonly Colour[]) {
    if (colours.length > MOST_COLOURS) throw new RangeError(`${colours.length} colours; ${MOST_COLOURS} fit`);
    this.width = width;
    this.height = height;
    this.#colours = colours;
    this.#flat = new Uint8Array(width * height);
    this.#ink = new Uint8Array(width * height);
    this.#cover = new Uint8Array(width * height);
  }

  /** Sets a pixel, which must lie inside, to the flat colour with this index. */
  set(x: number, y: number, colour: number): void {
    this.#flat[y * this.width + x] = colour;
  }

  /** Puts ink on a pixel, `cover` 0 … 1 of it; what lies outside is dropped. */
  ink(x: number, y: number, ink: Ink, cover: number): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const at = y * this.width + x;
    const opaque = Math.round(255 * cover);
    if (opaque <= this.#cover[at]!) return; // the pieces of a line overlap at their ends: nothing may add up there
    this.#ink[at] = ink.index;
    this.#cover[at] = opaque;
  }

  /** Fills a box with a flat colour. */
  fill(box: Box, colour: number): void {
    for (let y = box.top; y < box.bottom; y++) {
      this.#flat.fill(colour, y * this.width + box.left, y * this.width + box.right);
    }
  }

  /** Fills a box with ink. */
  stroke(box: Box, ink: Ink): void {
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) this.ink(x, y, ink, 1);
    }
  }

  /** A frame one pixel wide, just outside a box. */
  frame(box: Box, ink: Ink): void {
    const outer = { left: box.left - 1, top: box.top - 1, right: box.right + 1, bottom: box.bottom + 1 };
    this.stroke({ ...outer, bottom: box.top }, ink);
    this.stroke({ ...outer, top: box.bottom }, ink);
    this.stroke({ ...outer, right: box.left }, ink);
    this.stroke({ ...outer, left: box.right }, ink);
  }

  /** A straight line `width` pixels wide with smooth edges, clipped to `clip`. Coordinates are of pixel centres. */
  line(x0: number, y0: number, x1: number, y1: number, ink: Ink, width: number, cover: number, clip: Box): void {
    const reach = width / 2 + 0.5;
    const dx = x1 - x0;
    const dy = y1 - y0;
    const perLength2 = 1 / Math.max(dx * dx + dy * dy, 1e-12);
    const fromX = Math.max(clip.left, Math.ceil(Math.min(x0, x1) - reach));
    const toX = Math.min(clip.right - 1, Math.floor(Math.max(x0, x1) + reach));
    const fromY = Math.max(clip.top, Math.ceil(Math.min(y0, y1) - reach));
    const toY = Math.min(clip.bottom - 1, Math.floor(Math.max(y0, y1) + reach));
    for (let y = fromY; y <= toY; y++) {
      for (let x = fromX; x <= toX; x++) {
        const along = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) * perLength2));
        const [awayX, awayY] = [x - x0 - along * dx, y - y0 - along * dy];
        const inside = reach - Math.sqrt(awayX * awayX + awayY * awayY);
        if (inside > 0) this.ink(x, y, ink, Math.min(1, inside) * cover);
      }
    }
  }

  /** Writes text with its top at `y`; `x` is its left end, middle or right end. */
  text(x: number, y: number, text: string, cover: number, align: Align = "left"): void {
    const width = Canvas.textWidth(text);
    let left = align === "left" ? x : align === "right" ? x - width : x - (width >> 1);
    for (const character of text) {
      smoothed(character, (column, row) => this.ink(left + column, y + row, INK, cover));
      left += CHARACTER_WIDTH;
    }
  }

  /** Width of a text in pixels, without the gap after its last character. The font has no character of two units. */
  static textWidth(text: string): number {
    return Math.max(0, CHARACTER_WIDTH * text.length - 2);
  }

  /** The picture as a PNG file. */
  toPng(): Uint8Array {
    const palette = this.#colours.flatMap((flat) => [
      flat,
      ...[INK, BROWN].flatMap(({ colour, steps }) =>
        Array.from({ length: steps }, (_, step) => mix(flat, colour, (step + 1) / steps)),
      ),
    ]);
    const pixels = new Uint8Array(this.width * this.height);
    for (let at = 0; at < pixels.length; at++) {
      const brown = this.#ink[at] === BROWN.index;
      const step = Math.round((this.#cover[at]! * (brown ? BROWN.steps : INK.steps)) / 255);
      pixels[at] = this.#flat[at]! * SHADES + (step === 0 ? 0 : brown ? INK.steps + step : step);
    }
    return encodePng(this.width, this.height, palette, pixels);
  }
}

function mix(from: Colour, to: Colour, fraction: number): Colour {
  const part = (k: 0 | 1 | 2): number => Math.round(from[k] + (to[k] - from[k]) * fraction);
  return [part(0), part(1), part(2)];
}
