/** Writes PNG files (ISO/IEC 15948): 8-bit palette, not interlaced. */
import zlib from "node:zlib"; // Not by name: an older Node.js lacks `crc32`, and has to get as far as saying so.

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Bit depth 8, colour type 3 (palette), the only compression and filter method there are, no interlacing. */
const EIGHT_BIT_PALETTE = [8, 3, 0, 0, 0];

function chunk(type: string, data: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, "latin1");
  out.set(data, 8);
  out.writeUInt32BE(zlib.crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}

/**
 * Encodes `width` × `height` pixels, one index into `palette` each, row after row from the top left.
 *
 * Rows go unfiltered: for indices, differences between neighbours mean nothing, and even areas compress best as they are.
 */
export function encodePng(
  width: number,
  height: number,
  palette: readonly (readonly number[])[],
  pixels: Uint8Array,
): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set(EIGHT_BIT_PALETTE, 8);

  const rows = new Uint8Array((width + 1) * height); // each begins with its filter, 0 for none
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("PLTE", Uint8Array.from(palette.flat())),
    chunk("IDAT", zlib.deflateSync(rows)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}
