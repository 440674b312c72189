/**
 * Is there room on a disk for the checkpoints to come?
 *
 * - `short`: it will do for one, and not for many more: what is to be kept is best stored now
 * - `none`: not for one, so trying is in vain
 */
export type DiskRoom = "ample" | "short" | "none";

/** A checkpoint lies on a disk twice for a while: frozen, and in the store. */
const COPIES = 2;
/** Short is room for as many, or the last hundredth of the disk. */
const SHORT_OF = 3;
const SHORT_SHARE = 0.01;

/** @param checkpointBytes what the last one had; 0: there is none yet */
export function diskRoom(
  disk: { readonly freeBytes: number; readonly totalBytes: number },
  checkpointBytes: number,
): DiskRoom {
  const one = COPIES * checkpointBytes;
  if (disk.freeBytes === 0 || disk.freeBytes < one) return "none";
  return disk.freeBytes < Math.max(SHORT_OF * one, SHORT_SHARE * disk.totalBytes) ? "short" : "ample";
}
