/** Lines of equal value on a rectangular lattice, by marching squares. */

/** Values at `columns` × `rows` points, row after row. */
export interface Lattice {
  readonly columns: number;
  readonly rows: number;
  readonly values: Float64Array;
}

/** Evenly spaced levels. */
export interface Levels {
  readonly low: number;
  readonly high: number;
  readonly interval: number;
}

/**
 * Calls `draw` with the level and the two ends of every piece of every line, in units of the lattice.
 *
 * Where a square has two opposite corners above the level and two below, the mean decides which of them are joined.
 */
export function traceContours(
  lattice: Lattice,
  levels: Levels,
  draw: (level: number, x0: number, y0: number, x1: number, y1: number) => void,
): void {
  const { columns, rows, values } = lattice;
  const { low, high, interval } = levels;
  const last = Math.round((high - low) / interval);
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const at = row * columns + column;
      const corners: Corners = [values[at]!, values[at + 1]!, values[at + columns + 1]!, values[at + columns]!];
      const first = Math.max(0, Math.ceil((Math.min(...corners) - low) / interval));
      const upTo = Math.min(last, Math.floor((Math.max(...corners) - low) / interval));
      for (let k = first; k <= upTo; k++) {
        const level = low + k * interval;
        for (const [[x0, y0], [x1, y1]] of piecesIn(corners, level)) {
          draw(level, column + x0, row + y0, column + x1, row + y1);
        }
      }
    }
  }
}

/** Values at the corners of a square: upper left, then clockwise. */
type Corners = readonly [number, number, number, number];
type Point = readonly [x: number, y: number];
type Piece = readonly [Point, Point];

/** The pieces of one line within a square of side 1, its upper left corner at (0, 0). */
function piecesIn(corners: Corners, level: number): readonly Piece[] {
  const a = corners[0] - level;
  const b = corners[1] - level;
  const c = corners[2] - level;
  const d = corners[3] - level;
  const above = (a >= 0 ? 1 : 0) + (b >= 0 ? 2 : 0) + (c >= 0 ? 4 : 0) + (d >= 0 ? 8 : 0);
  if (above === 0 || above === 15) return [];
  const top: Point = [a / (a - b), 0];
  const right: Point = [1, b / (b - c)];
  const bottom: Point = [d / (d - c), 1];
  const left: Point = [0, a / (a - d)];
  switch (above) {
    case 1:
    case 14:
      return [[left, top]];
    case 2:
    case 13:
      return [[top, right]];
    case 4:
    case 11:
      return [[right, bottom]];
    case 8:
    case 7:
      return [[bottom, left]];
    case 3:
    case 12:
      return [[left, right]];
    case 6:
    case 9:
      return [[top, bottom]];
    default: {
      const upperLeftAbove = above === 5;
      const centreAbove = a + b + c + d >= 0;
      return upperLeftAbove === centreAbove
        ? [
            [top, right],
            [bottom, left],
          ]
        : [
            [left, top],
            [right, bottom],
          ];
    }
  }
}
