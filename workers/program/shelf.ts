/**
 * The latest complete checkpoint of a program, frozen as soon as it was seen, until the keeper fetches it. The program
 * may overwrite its own files meanwhile.
 *
 * SH1 Its files belong together: none of them changed from before the first was frozen until after the last was.
 * SH2 Files that only grow are copied behind the others: they are then at least as long as they were for those, and the
 *     program cuts them back. Of a paused program they are kept as long as they were then: it goes on meanwhile.
 * SH3 The latest stays here after it was handed over: what could not be stored is handed over again.
 */
import { constants } from "node:fs";
import { copyFile, link, mkdir, open, rm, stat, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type CopyBegun, freezeFiles, type FrozenFolder, stillFrozen } from "../../src/checkpoints/checkpoints.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Progress } from "../keeper/protocol.ts";
import type { FilesLook } from "./checkpoint-files.ts";
import { foldersIn } from "./folder-look.ts";
import { torn } from "./mapped-content.ts";
import { type ProgramState, saveProgramState } from "./program-state.ts";

interface Shelved {
  readonly frozen: FrozenFolder;
  readonly appended: readonly string[];
  readonly state: ProgramState;
  readonly blockedMs: number;
}

export interface HandedOver {
  readonly progress: Progress | null;
  readonly blockedMs: number;
  /** Files that are copies of the program's, and not its own. */
  readonly atRest: readonly string[];
}

export interface ShelfOptions {
  /** The program's folder. */
  readonly working: string;
  /** Beside it, in the same file system. */
  readonly folder: string;
  /** What lies in the working folder now. */
  readonly look: () => FilesLook;
  readonly clock: Clock;
}

export interface Freeze {
  readonly progress: Progress | null;
  /** Asked when it is frozen. */
  readonly blockedMs: () => number;
  /** Files that the program has mapped into its memory. */
  readonly mapped: readonly string[];
  /** The copying of a large file begins; null: it was given up. */
  readonly onCopying: (copy: CopyBegun | null) => void;
  /** Of a paused program: what may still be written to is frozen. @returns why it does not count; null: it does */
  readonly release?: () => string | null;
}

export class Shelf {
  readonly #options: ShelfOptions;
  #count = 0;
  #latest: Shelved | null = null;
  #isFresh = false;

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  /** Is there one that was not handed over? */
  get isFresh(): boolean {
    return this.#isFresh;
  }

  get isEmpty(): boolean {
    return this.#latest === null;
  }

  /** Freezes what `seen` tells of. @returns what changed meanwhile (SH1); null: it is frozen */
  async freeze(seen: FilesLook, about: Freeze): Promise<string | null> {
    this.#count += 1;
    const folder = join(this.#options.folder, `${this.#count}`);
    await mkdir(folder, { recursive: true });
    try {
      const made = await this.#make(seen, folder, about);
      if (typeof made === "string") return made;
      const before = this.#latest;
      this.#latest = made;
      this.#isFresh = true;
      if (before !== null) await rm(before.frozen.folder, { recursive: true, force: true });
      return null;
    } finally {
      // A full disk is no fuller for it.
      if (this.#latest?.frozen.folder !== folder) {
        about.onCopying(null);
        await rm(folder, { recursive: true, force: true });
      }
    }
  }

  /** Lays the latest into the keeper's folder. @throws Error when there is none, or it was written to after all */
  async handOver(into: string): Promise<HandedOver> {
    const latest = this.#latest;
    if (latest === null) throw new Error("there is no checkpoint");
    const { frozen, appended, state, blockedMs } = latest;
    for (const file of frozen.files) {
      await lay(join(frozen.folder, file.name), join(into, file.name));
      if (!(await stillFrozen(frozen, file))) {
        this.#isFresh = false;
        throw new Error(`${file.name} was written in place: it is not to be declared \`replaced\``);
      }
    }
    for (const name of appended) await lay(join(frozen.folder, name), join(into, name));
    await saveProgramState(into, state);
    this.#isFresh = false;
    const owned = frozen.files.filter(({ how }) => how !== "linked").map(({ name }) => name);
    return { progress: state.progress, blockedMs, atRest: [...owned, ...appended] };
  }

  /** What was handed over last could not be stored (SH3). */
  takeBack(): void {
    if (this.#latest !== null) this.#isFresh = true;
  }

  async #make(
    seen: FilesLook,
    into: string,
    { progress, blockedMs, mapped, onCopying, release }: Freeze,
  ): Promise<Shelved | string> {
    const { working, look, clock } = this.#options;
    const files = seen.steady.map((name) => ({
      name,
      written: seen.replaced.has(name) ? ("replaced" as const) : ("in_place" as const),
    }));
    const freezing = await freezeFiles({ source: working, files, into, clock, onCopying });
    if (freezing.kind === "changed") return freezing.detail;
    if (look().signature !== seen.signature) return "its files changed while they were frozen"; // SH1
    const changed = await torn(working, into, mapped); // SH1
    if (changed !== null) return `${changed} changed while it was frozen, through the program's memory (mmap)`;
    const broken = release?.() ?? null;
    if (broken !== null) return broken;
    for (const name of seen.appended) {
      const asLong = release === undefined ? null : (seen.looks.find((one) => one.name === name)?.bytes ?? null);
      const short = await this.#copyGrowing(name, into, { asLong, wholeLines: seen.lines.has(name) });
      if (short !== null) return short;
    }
    const about = seen.looks.map(({ name, mtimeNs, mode }) => ({ name, mtimeNs, mode }));
    const all = foldersIn(working);
    const folders = all.filter(({ isEmpty }) => isEmpty).map(({ name }) => name);
    const folderModes = all.map(({ name, mode }) => ({ name, mode }));
    const state = { progress, files: about, folders, folderModes, links: [...seen.links] };
    return { frozen: freezing.frozen, appended: seen.appended, state, blockedMs: blockedMs() };
  }

  /** SH2. @param asLong as it was when the program was paused, bytes; null: as it is now. @returns why it is not whole */
  async #copyGrowing(
    name: string,
    into: string,
    { asLong, wholeLines }: { readonly asLong: number | null; readonly wholeLines: boolean },
  ): Promise<string | null> {
    const copy = join(into, name);
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(join(this.#options.working, name), copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const { size } = await stat(copy);
    const bytes = asLong ?? size;
    if (size < bytes) return `${name} became shorter, though it is said to grow only`;
    const kept = wholeLines ? await endOfLastLine(copy, bytes) : bytes;
    if (kept < size) await truncate(copy, kept);
    return null;
  }
}

const PIECE_BYTES = 65_536;

/** Where the last whole line ends that begins within the first `bytes` of a file. */
async function endOfLastLine(path: string, bytes: number): Promise<number> {
  const file = await open(path, "r");
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let end = bytes; end > 0; end -= Math.min(end, PIECE_BYTES)) {
      const begin = Math.max(0, end - PIECE_BYTES);
      const { bytesRead } = await file.read(piece, 0, end - begin, begin);
      const last = piece.subarray(0, bytesRead).lastIndexOf(0x0a);
      if (last >= 0) return begin + last + 1;
    }
    return 0;
  } finally {
    await file.close();
  }
}

/** By a link, which costs nothing; nobody writes there any more. */
async function lay(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await link(from, to).catch(() => copyFile(from, to));
}
