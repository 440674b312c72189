/**
 * A run on disk: `state.json`, small and readable, and `state.bin`, the fields of all cells as 64-bit floats.
 *
 * `state.bin` holds, in the order of `CubedSphere.forEachCell`, all surfaces, then all y winds, then all z winds,
 * little-endian, without ghosts. Its SHA-256 stands in the header and is the digest of the state.
 *
 * D1 A state is continued only on the Node version that wrote it: the functions of `Math` behind the grid may round
 *    differently in another one, and a run that mixes two would match neither.
 */
import { createHash } from "node:crypto";
import { endianness } from "node:os";
import { z } from "../../../src/index.ts";
import type { CubedSphere } from "./cubed-sphere.ts";
import type { Fields } from "./fields.ts";
import { weatherInput } from "./input.ts";

export const HEADER_FILE = "state.json";
export const STATE_FILE = "state.bin";

const headerShape = z.strictObject({
  format: z.literal(1),
  task: z.literal("weather"),
  /** `process.version` of the writer (D1). */
  node: z.string(),
  input: weatherInput,
  /** Time steps done, and their length in seconds. */
  step: z.int().nonnegative(),
  stepSeconds: z.number().positive(),
  /** Pictures handed out so far. */
  pictures: z.int().nonnegative(),
  digest: z.string(),
});

export type StateHeader = z.infer<typeof headerShape>;

/** The fields as they stand in `state.bin`. */
export function encodeFields(grid: CubedSphere, fields: Fields): Uint8Array {
  const { cells } = grid;
  const numbers = new Float64Array(3 * cells);
  let k = 0;
  grid.forEachCell((at) => {
    numbers[k] = fields.surface[at]!;
    numbers[cells + k] = fields.windY[at]!;
    numbers[2 * cells + k] = fields.windZ[at]!;
    k++;
  });
  swapOnBigEndian(numbers);
  return new Uint8Array(numbers.buffer);
}

/** Reads `state.bin` into `fields`; ghosts are left as they are. */
export function decodeFields(grid: CubedSphere, bytes: Uint8Array, fields: Fields): void {
  const { cells } = grid;
  if (bytes.length !== 24 * cells) {
    throw new Error(`${STATE_FILE} has ${bytes.length} bytes; ${cells} cells take ${24 * cells}`);
  }
  const numbers = new Float64Array(3 * cells);
  new Uint8Array(numbers.buffer).set(bytes);
  swapOnBigEndian(numbers);
  let k = 0;
  grid.forEachCell((at) => {
    fields.surface[at] = numbers[k]!;
    fields.windY[at] = numbers[cells + k]!;
    fields.windZ[at] = numbers[2 * cells + k]!;
    k++;
  });
}

/** Converts, in place, between the machine's order of bytes and that of the file. */
function swapOnBigEndian(numbers: Float64Array<ArrayBuffer>): void {
  if (endianness() === "BE") Buffer.from(numbers.buffer).swap64();
}

/** SHA-256 of `state.bin`, in hexadecimal. */
export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function encodeHeader(header: StateHeader): string {
  return `${JSON.stringify(header, null, 2)}\n`;
}

/** @throws {Error} when the text is no header of this format */
export function decodeHeader(text: string): StateHeader {
  const parsed = headerShape.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`${HEADER_FILE} is not a weather state: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
