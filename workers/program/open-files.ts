/**
 * Which files of a folder a process can write to now. Known on Linux, of processes of the same user.
 *
 * OF1 A process in a container (Apptainer, a mount namespace) has the folder under another path: its files are known by
 *     what they are, not by their names.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { lookAround } from "./folder-look.ts";

const WRITING = 0o3; // O_WRONLY | O_RDWR

/** @returns names inside `folder`; null: it cannot be known (another system, another user's process) */
export function openForWriting(pids: readonly number[], folder: string): ReadonlySet<string> | null {
  if (process.platform !== "linux") return null;
  const found = new Set<string>();
  const places = new Places(folder);
  for (const pid of pids) {
    const files = listOf(`/proc/${pid}/fd`);
    if (files === null) return null;
    const isElsewhere = seesOtherPaths(pid);
    for (const file of files) {
      const path = attempt(() => readlinkSync(`/proc/${pid}/fd/${file}`));
      const name = isElsewhere ? places.behind(`/proc/${pid}/fd/${file}`) : places.named(path);
      if (name === null) continue;
      const info = attempt(() => readFileSync(`/proc/${pid}/fdinfo/${file}`, "latin1"));
      const flags = parseInt(/^flags:\s+([0-7]+)/m.exec(info ?? "")?.[1] ?? "0", 8);
      if ((flags & WRITING) !== 0) found.add(name);
    }
  }
  return found;
}

/**
 * Those that are mapped into memory, shared and for writing (numpy.memmap, LMDB, GDBM): also long after they were closed.
 *
 * @returns names inside `folder`
 */
export function mappedForWriting(pids: readonly number[], folder: string): ReadonlySet<string> {
  const found = new Set<string>();
  const places = new Places(folder);
  for (const pid of pids) {
    const maps = attempt(() => readFileSync(`/proc/${pid}/maps`, "utf8")) ?? "";
    const isElsewhere = seesOtherPaths(pid);
    for (const [, inode = "", path = ""] of maps.matchAll(/^\S+ .w.s \S+ \S+ (\S+) +(\/.*)$/gm)) {
      const name = isElsewhere ? places.ofInode(inode) : places.named(path);
      if (name !== null) found.add(name);
    }
  }
  return found;
}

/** OF1 */
function seesOtherPaths(pid: number): boolean {
  const [own, other] = ["self", pid].map((who) => attempt(() => readlinkSync(`/proc/${who}/ns/mnt`)));
  return own !== other;
}

/** The files of the folder, by what a process has of them. Read when the first is asked for by what it is. */
class Places {
  readonly #folder: string;
  #byInode: ReadonlyMap<string, { readonly name: string; readonly dev: bigint }> | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  named(path: string | null): string | null {
    return path?.startsWith(`${this.#folder}/`) === true ? path.slice(this.#folder.length + 1) : null;
  }

  /** Of a path that leads to it through whatever mounts there are. */
  behind(path: string): string | null {
    const seen = attempt(() => statSync(path, { bigint: true }));
    if (seen?.isFile() !== true) return null;
    const found = this.#all().get(String(seen.ino));
    return found?.dev === seen.dev ? found.name : null;
  }

  /** File systems tell another device there than elsewhere; one too many only makes us look twice. */
  ofInode(inode: string): string | null {
    return this.#all().get(inode)?.name ?? null;
  }

  #all(): ReadonlyMap<string, { readonly name: string; readonly dev: bigint }> {
    this.#byInode ??= new Map(
      lookAround(this.#folder).flatMap(({ name }) => {
        const seen = attempt(() => lstatSync(join(this.#folder, name), { bigint: true }));
        return seen === null ? [] : [[String(seen.ino), { name, dev: seen.dev }]];
      }),
    );
    return this.#byInode;
  }
}

/** @returns null: it may not be read */
function listOf(path: string): string[] | null {
  try {
    return readdirSync(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? null : []; // It has ended.
  }
}

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null; // It has ended, or it is another user's.
  }
}
