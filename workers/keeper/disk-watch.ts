/**
 * Looks at the disks that checkpoints go to, the worker's own and that of a store in a folder, and asks for a checkpoint
 * while there is room for one: when the disk is full, none can be taken, and the job may have to let go.
 *
 * DW1 It asks once when room becomes short, and again only after there was enough of it. What it asked for before there
 *     was anything to save is asked for again.
 * DW2 A disk that does not answer is looked at no more than once at a time.
 */
import { statfs } from "node:fs/promises";
import { diskRoom, type DiskRoom } from "../../src/domain/disk-room.ts";

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface DiskWatchOptions {
  readonly folders: readonly string[];
  /** Bytes of the last checkpoint, 0 if there is none; null: there is no state yet that could be saved. */
  readonly checkpointBytes: () => number | null;
  /** Room has become short. */
  readonly onShort: (folder: string, space: DiskSpace) => void;
  /** Rejects for a folder that is not there yet. */
  readonly spaceOf?: (folder: string) => Promise<DiskSpace>;
}

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  readonly #rooms = new Map<string, DiskRoom>();
  #looking = false;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** Called every few seconds. Never rejects. */
  async look(): Promise<void> {
    if (this.#looking) return; // DW2
    this.#looking = true;
    for (const folder of this.#options.folders) await this.#lookAt(folder).catch(() => undefined);
    this.#looking = false;
  }

  async #lookAt(folder: string): Promise<void> {
    const { checkpointBytes, onShort, spaceOf = spaceOfFolder } = this.#options;
    const space = await spaceOf(folder);
    const bytes = checkpointBytes();
    if (bytes === null) return; // DW1
    const room = diskRoom(space, bytes);
    const before = this.#rooms.get(folder) ?? "ample";
    this.#rooms.set(folder, room === "ample" ? "ample" : before === "short" ? "short" : room);
    if (room === "short" && before !== "short") onShort(folder, space);
  }
}

async function spaceOfFolder(folder: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
