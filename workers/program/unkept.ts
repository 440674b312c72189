/**
 * What a checkpoint cannot keep of the files that it covers. It is said in the job's log, each by its name, once an
 * attempt: a program that needs it has to make it anew when it resumes.
 *
 * UK1 Kept are regular files (content, time, mode), folders (mode) and symbolic links. What is only another form of the
 *     same content (a hard link, a hole in a sparse file) is kept as content; of links it is said, as writing through
 *     one no longer changes the other.
 */
import { lstatSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";

const NAMES_TOLD = 20;

export interface UnkeptOptions {
  readonly folder: string;
  /** Would it go along if it could? */
  readonly covers: (name: string) => boolean;
  readonly note: (text: string) => void;
}

export class Unkept {
  readonly #options: UnkeptOptions;
  readonly #told = new Set<string>();

  constructor(options: UnkeptOptions) {
    this.#options = options;
  }

  /** Called at each checkpoint. */
  tell(): void {
    const { folder, covers, note } = this.#options;
    const news = oddities(folder).filter(({ name }) => covers(name) && !this.#told.has(name));
    for (const { name } of news) this.#told.add(name);
    for (const { name, why } of news.slice(0, NAMES_TOLD)) note(`the checkpoint does not keep ${shown(name)}: ${why}`);
    if (news.length > NAMES_TOLD) note(`nor ${news.length - NAMES_TOLD} more of such files`);
  }
}

interface Oddity {
  readonly name: string;
  readonly why: string;
}

function oddities(folder: string): Oddity[] {
  const found: Oddity[] = [];
  const inodes = new Map<bigint, string>();
  const look = (name: string): void => {
    const seen = attempt(() => lstatSync(join(folder, name), { bigint: true }));
    if (seen === null) {
      // What cannot be decoded is asked for by another name than its own.
      if (name.includes("\uFFFD")) found.push({ name, why: "its name is not UTF-8" });
      return;
    }
    if (seen.isDirectory()) {
      const entries = attempt(() => readdirSync(join(folder, name)));
      if (entries === null) found.push({ name, why: "it is a folder that may not be read" });
      else for (const entry of entries) look(posix.join(name, entry));
      return;
    }
    const why = seen.isFile()
      ? reasonOf(name, seen.nlink > 1n ? (inodes.get(seen.ino) ?? null) : null)
      : seen.isSymbolicLink()
        ? null
        : `it is a ${seen.isFIFO() ? "named pipe" : seen.isSocket() ? "socket" : "device"}`;
    if (why !== null) found.push({ name, why });
    else if (seen.isFile()) inodes.set(seen.ino, name);
  };
  for (const entry of attempt(() => readdirSync(folder)) ?? []) look(entry);
  return found;
}

/** @param other the file that it is a hard link to */
function reasonOf(name: string, other: string | null): string | null {
  if (name.includes("\\")) return "its name holds a backslash";
  return other === null
    ? null
    : `as a hard link to ${shown(other)}; it becomes a file of its own, with the same content`;
}

/** On one line. */
function shown(name: string): string {
  return /^[^\p{Cc}"\\]*$/u.test(name) ? name : JSON.stringify(name);
}

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
