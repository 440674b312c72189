/** What lies in a working folder at one moment, by patterns. */
import { lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import picomatch from "picomatch";

export interface Look {
  readonly name: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  /** The same exactly: nanoseconds, as text. */
  readonly mtimeNs: string;
  /** Permission bits. */
  readonly mode: number;
  /** Which file it is, whatever its name: as text. */
  readonly inode: string;
  /** Equal for equal content, as far as the file system tells: size, inode, time of change. */
  readonly signature: string;
}

export type Matches = (name: string) => boolean;

/** @param patterns with `*`, `**`, `?`, `[…]`, `{…}`; names that begin with a dot match too */
export function matcher(patterns: readonly string[]): Matches {
  if (patterns.length === 0) return () => false;
  return picomatch(
    patterns.map((pattern) => pattern.replace(/^\.\//, "")),
    { dot: true, flags: "s" }, // A name may hold a newline.
  );
}

/** Text as a pattern that matches nothing else. */
export function literalPattern(text: string): string {
  return text.replaceAll(/[\\*?[\]{}()!+@|]/g, "\\$&");
}

/** A symbolic link, and where it points: relative to its own folder when that is inside, so it holds elsewhere too. */
export interface FolderLink {
  readonly name: string;
  readonly target: string;
}

/** What is under `folder`, by name with `/`. What vanishes meanwhile is left out. */
export interface Everything {
  readonly files: Look[];
  readonly links: FolderLink[];
  /** Names of folders, sockets, pipes and devices. */
  readonly others: string[];
}

export function walk(folder: string): Everything {
  const files: Look[] = [];
  const links: FolderLink[] = [];
  const others: string[] = [];
  const walkInto = (inner: string): void => {
    for (const entry of entriesOf(join(folder, inner))) {
      const name = posix.join(inner, entry.name);
      if (!entry.isFile() && !entry.isSymbolicLink()) others.push(name);
      if (entry.isDirectory()) walkInto(name);
      else if (entry.isFile()) {
        const look = lookAt(folder, name);
        if (look !== null) files.push(look);
      } else if (entry.isSymbolicLink()) {
        const target = targetOf(folder, name);
        if (target !== null) links.push({ name, target });
      }
    }
  };
  walkInto("");
  return { files: files.sort(byName), links: links.sort(byName), others: others.sort() };
}

/** The regular files alone. */
export function lookAround(folder: string): Look[] {
  return walk(folder).files;
}

/** Names of all that is there, of whatever kind: what a program shows by may be a socket, a link, a folder. */
export function namesIn(folder: string): string[] {
  const { files, links, others } = walk(folder);
  return [...files.map(({ name }) => name), ...links.map(({ name }) => name), ...others];
}

/** Of a link in the folder: the regular file inside of the folder that it leads to; null: there is none. */
export function fileBehind(folder: string, name: string): string | null {
  try {
    const inside = realpathSync(folder);
    const path = realpathSync(join(folder, name));
    return path.startsWith(`${inside}/`) && lstatSync(path).isFile() ? path : null;
  } catch {
    return null;
  }
}

export interface FolderIn {
  readonly name: string;
  /** Permission bits. */
  readonly mode: number;
  readonly isEmpty: boolean;
}

/** Folders under `folder`: a checkpoint is made of files, so they are remembered beside it. */
export function foldersIn(folder: string): FolderIn[] {
  const found: FolderIn[] = [];
  const walk = (inner: string): void => {
    const entries = entriesOf(join(folder, inner));
    const mode = inner === "" ? null : modeOf(join(folder, inner));
    if (mode !== null) found.push({ name: inner, mode, isEmpty: entries.length === 0 });
    for (const entry of entries) if (entry.isDirectory()) walk(posix.join(inner, entry.name));
  };
  walk("");
  return found;
}

/**
 * The file that matches and was changed last, or the part of its name that stands for what is between `<` and `>` in the
 * pattern: of `ckpt-<*>.dat` what the `*` stands for. Null: none matches.
 */
export function newest(folder: string, pattern: string): string | null {
  const [, before = "", part, after = ""] = /^([^<>]*)<([^<>]+)>([^<>]*)$/s.exec(pattern) ?? [];
  if (part === undefined) return newestFile(folder, pattern);
  const name = newestFile(folder, before + part + after);
  return name === null ? null : partOf(name, [before, part, after]);
}

/** The longest part of a name for which the three patterns together make the whole of it. */
function partOf(name: string, patterns: readonly [string, string, string]): string | null {
  const [isBefore, isPart, isAfter] = patterns.map((pattern) =>
    pattern === "" ? (text: string): boolean => text === "" : matcher([pattern]),
  ) as [Matches, Matches, Matches];
  for (let from = 0; from < name.length; from += 1) {
    if (!isBefore(name.slice(0, from))) continue;
    for (let to = name.length; to > from; to -= 1) {
      if (isAfter(name.slice(to)) && isPart(name.slice(from, to))) return name.slice(from, to);
    }
  }
  return null;
}

function newestFile(folder: string, pattern: string): string | null {
  const matches = matcher([pattern]);
  const found = lookAround(folder).filter(({ name }) => matches(name));
  return (
    found.reduce<Look | null>((best, look) => (best === null || look.mtimeMs >= best.mtimeMs ? look : best), null)
      ?.name ?? null
  );
}

/** Space that the files of a folder take, bytes. */
export function sizeOf(folder: string): number {
  return lookAround(folder).reduce((sum, { bytes }) => sum + bytes, 0);
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function targetOf(folder: string, name: string): string | null {
  try {
    const target = readlinkSync(join(folder, name));
    return target.startsWith(`${folder}/`) ? relative(dirname(join(folder, name)), target) : target;
  } catch {
    return null;
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function modeOf(path: string): number | null {
  try {
    return lstatSync(path).mode & 0o7777;
  } catch {
    return null;
  }
}

function lookAt(folder: string, name: string): Look | null {
  try {
    const { size, mtimeNs, ino, mode } = lstatSync(join(folder, name), { bigint: true });
    return {
      name,
      bytes: Number(size),
      mtimeMs: Number(mtimeNs) / 1e6,
      mtimeNs: String(mtimeNs),
      mode: Number(mode) & 0o777,
      inode: String(ino),
      signature: `${name} ${size} ${mtimeNs} ${ino}`,
    };
  } catch {
    return null;
  }
}
