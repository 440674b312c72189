import { crc32, inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { traceContours } from "../../workers/tasks/weather/map/contours.ts";
import { HeightMap } from "../../workers/tasks/weather/map/height-map.ts";
import { Simulation } from "../../workers/tasks/weather/simulation.ts";

interface Picture {
  readonly width: number;
  readonly height: number;
  colour(x: number, y: number): readonly number[];
}

/** Reads a PNG with an 8-bit palette, checking everything that a strict reader checks. */
function decodePng(bytes: Uint8Array): Picture {
  const file = Buffer.from(bytes);
  expect([...file.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    const data = file.subarray(at + 8, at + 8 + length);
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(file.subarray(at + 4, at + 8 + length)));
    chunks.push({ type: file.toString("latin1", at + 4, at + 8), data });
    at += 12 + length;
  }
  expect(chunks.map(({ type }) => type)).toEqual(["IHDR", "PLTE", "IDAT", "IEND"]);
  const [header, palette, pixels] = chunks.map(({ data }) => data) as [Buffer, Buffer, Buffer];
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  expect([...header.subarray(8)]).toEqual([8, 3, 0, 0, 0]);
  expect(palette.length % 3).toBe(0);
  expect(palette.length).toBeLessThanOrEqual(768);
  const rows = inflateSync(pixels);
  expect(rows.length).toBe((width + 1) * height);
  for (let y = 0; y < height; y++) expect(rows[y * (width + 1)]).toBe(0);
  expect(rows.reduce((a, b) => Math.max(a, b))).toBeLessThan(palette.length / 3);
  return {
    width,
    height,
    colour: (x, y) => {
      const index = 3 * rows[y * (width + 1) + 1 + x]!;
      return [...palette.subarray(index, index + 3)];
    },
  };
}

function draw(testCase: 2 | 5 | 6): Picture {
  const simulation = new Simulation({ testCase, resolution: 12, days: 1 });
  simulation.model.fillHalo();
  return decodePng(new HeightMap(simulation.grid, simulation.test).draw(simulation.model.fields, 0));
}

/** Where a place is on the picture: three pixels a degree, the map begins at (66, 74). */
const at = (longitude: number, latitude: number): [number, number] => [
  66 + (longitude + 180) * 3,
  74 + (90 - latitude) * 3,
];

describe("the height map", () => {
  it.each([2, 5, 6] as const)(
    "is a valid PNG, blue where the surface is low and red where it is high, in case %d",
    (number) => {
      const picture = draw(number);
      expect([picture.width, picture.height]).toEqual([1278, 654]);
      const [red, , blue] = picture.colour(...at(46, 2)); // off graticule and contours
      const [polarRed, , polarBlue] = picture.colour(...at(46, -88));
      expect(red).toBeGreaterThan(blue! + 50);
      expect(polarBlue).toBeGreaterThan(polarRed! + 50);
    },
  );

  it("shows the four crests of case 6 at the same colour, and its troughs at another", () => {
    const picture = draw(6);
    const crests = [-178, -88, 2, 92].map((longitude) => picture.colour(...at(longitude, 34)));
    const troughs = [-133, -43, 47, 137].map((longitude) => picture.colour(...at(longitude, 34)));
    expect(new Set(crests.map(String)).size).toBe(1);
    expect(new Set(troughs.map(String)).size).toBe(1);
    expect(crests[0]).not.toEqual(troughs[0]);
  });
});

describe("contours", () => {
  const trace = (values: number[]): number[][] => {
    const pieces: number[][] = [];
    const lattice = { columns: 2, rows: 2, values: Float64Array.from(values) };
    traceContours(lattice, { low: 5, high: 5, interval: 1 }, (_, ...ends) => pieces.push(ends));
    return pieces;
  };

  it("pass where linear interpolation puts the level", () => {
    expect(trace([0, 0, 10, 10])).toEqual([[0, 0.5, 1, 0.5]]);
    expect(trace([10, 0, 0, 0])).toEqual([[0, 0.5, 0.5, 0]]);
    expect(trace([4, 4, 4, 4])).toEqual([]);
  });

  it("join at a saddle the corners on the side of the mean", () => {
    expect(trace([9, 3, 3, 9])).toEqual([
      [2 / 3, 0, 1, 1 / 3],
      [1 / 3, 1, 0, 2 / 3],
    ]);
    expect(trace([7, 1, 1, 7])).toEqual([
      [0, 1 / 3, 1 / 3, 0],
      [1, 2 / 3, 2 / 3, 1],
    ]);
  });
});
