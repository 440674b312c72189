/** Lines of equal value on a rectangular lattice, by marching squares. */

/** Values at `columns` × `rows` points, row after row. */
export interface Lattice {
  readonly columns: number;
  readonly rows: number;
  readonly values: Float64Array;
}

/**
 * Calls `draw` with the ends of every piece of the line of `level`, in units of the lattice.
 *
 * Where a square has two opposite corners above the level and two below, the mean decides which of them are joined.
 */
export function traceContour(
  lattice: Lattice,
  level: number,
  draw: (x0: number, y0: number, x1: number, y1: number) => void,
): void {
  const { columns, rows, values } = lattice;
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const at = row * columns + column;
      const a = values[at]! - level; // upper left, then clockwise
      const b = values[at + 1]! - level;
      const c = values[at + columns + 1]! - level;
      const d = values[at + columns]! - level;
      const above = (a >= 0 ? 1 : 0) + (b >= 0 ? 2 : 0) + (c >= 0 ? 4 : 0) + (d >= 0 ? 8 : 0);
      if (above === 0 || above === 15) continue;
      const top: Point = [column + a / (a - b), row];
      const right: Point = [column + 1, row + b / (b - c)];
      const bottom: Point = [column + d / (d - c), row + 1];
      const left: Point = [column, row + a / (a - d)];
      const centreAbove = a + b + c + d >= 0;
      for (const [from, to] of piecesOf(above, centreAbove, top, right, bottom, left)) {
        draw(from[0], from[1], to[0], to[1]);
      }
    }
  }
}

type Point = readonly [x: number, y: number];
type Piece = readonly [Point, Point];

function piecesOf(above: number, centreAbove: boolean, top: Point, right: Point, bottom: Point, left: Point): Piece[] {
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
      const aboveAtUpperLeft = above === 5;
      return aboveAtUpperLeft === centreAbove
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
