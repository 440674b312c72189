/** What lies in a working folder at one moment, by patterns. */
import { lstatSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import picomatch from "picomatch";

export interface Look {
  readonly name: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  /** The same exactly: nanoseconds, as text. */
  readonly mtimeNs: string;
  /** Permission bits. */
  readonly mode: number;
  /** Equal for equal content, as far as the file system tells: size, inode, time of change. */
  readonly signature: string;
}

export type Matches = (name: string) => boolean;

/** @param patterns with `*`, `**`, `?`, `[…]`, `{…}`; names that begin with a dot match too */
export function matcher(patterns: readonly string[]): Matches {
  if (patterns.length === 0) return () => false;
  return picomatch(
    patterns.map((pattern) => pattern.replace(/^\.\//, "")),
    { dot: true },
  );
}

/** Text as a pattern that matches nothing else. */
export function literalPattern(text: string): string {
  return text.replaceAll(/[\\*?[\]{}()!+@|]/g, "\\$&");
}

/** All regular files under `folder`, by name with `/`. What vanishes meanwhile is left out. */
export function lookAround(folder: string): Look[] {
  const found: Look[] = [];
  const walk = (inner: string): void => {
    for (const entry of entriesOf(join(folder, inner))) {
      const name = posix.join(inner, entry.name);
      if (entry.isDirectory()) walk(name);
      else if (entry.isFile()) {
        const look = lookAt(folder, name);
        if (look !== null) found.push(look);
      }
    }
  };
  walk("");
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Folders under `folder` that hold nothing: a checkpoint is made of files, so they are remembered beside it. */
export function emptyFolders(folder: string): string[] {
  const found: string[] = [];
  const walk = (inner: string): void => {
    const entries = entriesOf(join(folder, inner));
    if (entries.length === 0 && inner !== "") found.push(inner);
    for (const entry of entries) if (entry.isDirectory()) walk(posix.join(inner, entry.name));
  };
  walk("");
  return found;
}

/** The file that matches and was changed last; null: none does. */
export function newest(folder: string, pattern: string): string | null {
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

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
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
      signature: `${name} ${size} ${mtimeNs} ${ino}`,
    };
  } catch {
    return null;
  }
}
