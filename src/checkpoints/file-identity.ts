/** What tells that a file is still the one it was, and was not written to since: as fine as the kernel stamps times. */
import type { BigIntStats } from "node:fs";

export type FileStamp = Pick<BigIntStats, "dev" | "ino" | "size" | "mtimeNs">;

/** Inode, size and time of the last write; of no meaning to others. */
export function identityOf({ dev, ino, size, mtimeNs }: FileStamp): string {
  return [dev, ino, size, mtimeNs].join(" ");
}
