/** What a disk does to a file: its end is missing, or one bit of it is another. */
import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Damages the newest file in a folder. @returns what was done to it */
export function damageNewest(folder: string, random: () => number): string {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const newest = files.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
  if (newest === undefined) return "nothing was damaged";
  const file = openSync(newest, "r+");
  const { size } = fstatSync(file);
  const at = Math.floor(random() * size);
  const cut = random() < 0.5;
  if (cut) ftruncateSync(file, at);
  else {
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, at);
    byte.writeUInt8(byte.readUInt8(0) ^ 0x10);
    writeSync(file, byte, 0, 1, at);
  }
  closeSync(file);
  return `the newest file of ${size} bytes was ${cut ? "cut off" : "given another bit"} at ${at}`;
}
