/**
 * Freezes the files of a program that goes on writing: what lies in the frozen folder is one moment of each, and can be
 * hashed and stored while the program runs. Its blocked time is what this takes, nothing more.
 *
 * Z1 A file is shared with the filesystem (reflink) where that can, else copied. Only one that the program declares
 *    `replaced` (it writes a new file and renames that over the old one) is linked instead of copied: a linked file that
 *    is written in place after all is torn, and its hash is right.
 * Z2 Size, inode and times of the original are the same before and after, else it changed while it was frozen; those of
 *    what was frozen are the same when it has been hashed, else the program wrote to it after all (`stillFrozen`).
 * Z3 Older kernels stamp times by the tick (4 to 10 ms): a file written to a moment ago is left to rest for two of
 *    them, else a second write in the same tick would show nowhere.
 * Z4 Only regular files, reached through no link that leads out of the program's folder: the program may be somebody
 *    else's, and this may run as root.
 */
import { type BigIntStats, constants } from "node:fs";
import { copyFile, link, lstat, mkdir, readdir, realpath } from "node:fs/promises";
import { dirname, join, posix, sep } from "node:path";
import type { Clock } from "../runtime/clock.ts";
import { identityOf } from "./file-identity.ts";
import type { Content } from "./hashing-copy.ts";
import { inLanes } from "./in-lanes.ts";
import { isFileName } from "./manifest.ts";
import { isCode } from "./system-error.ts";
import { canFollow, THREAD_FROM } from "./threaded-hash.ts";

/** Z3, ms */
const REST_MS = 20;
/** Files that are copied at the same time: a disk is kept busy, and others get their turn. */
const LANES = 4;

export interface FileToFreeze {
  /** Path below the program's folder, and its name in the checkpoint. */
  readonly name: string;
  /** How the program makes a new version of it (Z1). `in_place` is always right, `replaced` saves copying. */
  readonly written: "in_place" | "replaced";
}

export interface FreezeOptions {
  /** The program's folder. */
  readonly source: string;
  readonly files: readonly FileToFreeze[];
  /** An empty folder for this alone, best on the same filesystem as `source`. */
  readonly into: string;
  readonly clock: Clock;
  /** Called when the copying of one large file begins, so that it can be followed (`copy-follower.ts`). */
  readonly onCopying?: (copy: CopyBegun) => void;
}

/** A copy that is being made. It may come to nothing. */
export interface CopyBegun {
  /** Of the file in the checkpoint. */
  readonly name: string;
  /** Of the copy. */
  readonly path: string;
}

export interface FrozenFile {
  readonly name: string;
  readonly bytes: number;
  /** When the program last wrote to it, ms since 1970. */
  readonly modifiedMs: number;
  /** `linked`: it has other names, under which somebody may write to it all the same. */
  readonly how: "reflinked" | "copied" | "linked" | "handed_over";
  /** Inode, size and times (Z2); of no meaning to others. */
  readonly identity: string;
  /** What it hashes to, if that was begun while it was copied. */
  readonly hashed?: Promise<Content>;
}

export interface FrozenFolder {
  readonly folder: string;
  /** In order of their names. */
  readonly files: readonly FrozenFile[];
}

export type Freezing =
  | { readonly kind: "frozen"; readonly frozen: FrozenFolder }
  /** A file was written to, replaced or removed meanwhile: another try, a little later, may find all at rest. */
  | { readonly kind: "changed"; readonly detail: string };

/** Freezes `files` (Z1, Z2). @throws Error for what is no regular file of the program (Z4), or cannot be copied */
export async function freezeFiles({ source, files, into, clock, onCopying }: FreezeOptions): Promise<Freezing> {
  const inside = await realpath(source);
  let announce = onCopying !== undefined && (await canFollow(into)) ? onCopying : null;
  const onCopy = (copy: CopyBegun, bytes: number): void => {
    if (announce === null || bytes < THREAD_FROM) return;
    announce(copy);
    announce = null; // CF1
  };
  const changed: string[] = [];
  const frozen = await inLanes(LANES, files, async (file) => {
    const result = changed.length > 0 ? null : await freezeOne(file, { inside, into, clock, onCopy });
    if (result === null) changed.push(file.name);
    return result;
  });
  if (changed[0] !== undefined) return { kind: "changed", detail: `${changed[0]} changed while it was frozen` };
  return { kind: "frozen", frozen: { folder: into, files: inOrder(frozen.filter((file) => file !== null)) } };
}

/**
 * A folder whose writer has handed it over: nobody writes there any more, so nothing needs to be copied.
 *
 * @param atRest names of files that nobody writes to under other names either; without that, one that has any is `linked`
 * @throws Error when something in it is no regular file. Empty folders are not kept
 */
export async function handedOver(folder: string, atRest: readonly string[] = []): Promise<FrozenFolder> {
  const resting = new Set(atRest);
  const files: FrozenFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1).replaceAll(sep, posix.sep);
    if (!entry.isFile()) throw new Error(`${name} in the checkpoint is not a regular file`);
    if (!isFileName(name)) throw new Error(`${name} is no name for a file of a checkpoint`);
    const stats = await lstat(path, { bigint: true });
    const how = stats.nlink === 1n || resting.has(name) ? "handed_over" : "linked";
    files.push(frozenFile(name, how, { taken: stats, original: stats }));
  }
  return { folder, files: inOrder(files) };
}

/** Z2: is it what it was when it was frozen? Asked when it has been hashed. */
export async function stillFrozen({ folder }: FrozenFolder, file: FrozenFile): Promise<boolean> {
  const stats = await statOf(join(folder, file.name));
  return stats !== null && identityOf(stats) === file.identity;
}

interface Freezer {
  readonly inside: string;
  readonly into: string;
  readonly clock: Clock;
  readonly onCopy: (copy: CopyBegun, bytes: number) => void;
}

/** @returns null when the file changed meanwhile, or is not there */
async function freezeOne(file: FileToFreeze, { inside, into, clock, onCopy }: Freezer): Promise<FrozenFile | null> {
  const { name } = file;
  if (!isFileName(name)) throw new Error(`${name} is no name for a file of a checkpoint`);
  const [from, to] = [join(inside, name), join(into, name)];
  const before = await statOf(from);
  if (before === null) return null;
  if (!before.isFile()) throw new Error(`${name} is not a regular file`);
  const folder = await realpath(dirname(from));
  if (folder !== inside && !folder.startsWith(inside + sep)) throw new Error(`${name} lies outside of the folder`); // Z4
  const ageMs = Math.max(0, clock.nowMs() - Number(before.mtimeMs));
  if (ageMs < REST_MS) await clock.sleep(REST_MS - ageMs); // Z3
  const rested = ageMs < REST_MS ? await statOf(from) : before;
  if (rested === null) return null;
  await mkdir(dirname(to), { recursive: true });
  const how = await share(from, to, file.written, () => onCopy({ name, path: to }, Number(rested.size)));
  const after = how === null ? null : await statOf(from);
  if (how === null || after === null || identityOf(after) !== identityOf(rested)) return null; // Z2
  // To link a file changes its time of change, which is not its content's.
  if (how !== "linked" && after.ctimeNs !== rested.ctimeNs) return null;
  const taken = await lstat(to, { bigint: true });
  return frozenFile(name, how, { taken, original: rested });
}

function frozenFile(
  name: string,
  how: FrozenFile["how"],
  { taken, original }: { readonly taken: BigIntStats; readonly original: BigIntStats },
): FrozenFile {
  const modifiedMs = Number(original.mtimeMs);
  return { name, bytes: Number(taken.size), modifiedMs, how, identity: identityOf(taken) };
}

/** Z1. @returns null when `from` is gone */
async function share(
  from: string,
  to: string,
  written: FileToFreeze["written"],
  onCopy: () => void,
): Promise<FrozenFile["how"] | null> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return "reflinked";
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    if (isCode(error, "EEXIST")) throw error; // Named twice.
  }
  try {
    if (written === "replaced" && (await linked(from, to))) return "linked";
    onCopy();
    await copyFile(from, to, constants.COPYFILE_EXCL);
    return "copied";
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
}

/** @returns false where no link can be made: another filesystem, or one without links */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (isCode(error, "EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EACCES")) return false;
    throw error;
  }
}

async function statOf(path: string): Promise<BigIntStats | null> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}

function inOrder(files: readonly FrozenFile[]): FrozenFile[] {
  return [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
}
