/** Which files of a folder a process can write to now. Known on Linux, of processes of the same user. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const WRITING = 0o3; // O_WRONLY | O_RDWR

/** @returns names inside `folder` */
export function openForWriting(pids: readonly number[], folder: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const pid of pids) {
    for (const file of listOf(`/proc/${pid}/fd`)) {
      const path = attempt(() => readlinkSync(`/proc/${pid}/fd/${file}`));
      if (path?.startsWith(`${folder}/`) !== true) continue;
      const info = attempt(() => readFileSync(`/proc/${pid}/fdinfo/${file}`, "latin1"));
      const flags = parseInt(/^flags:\s+([0-7]+)/m.exec(info ?? "")?.[1] ?? "0", 8);
      if ((flags & WRITING) !== 0) found.add(path.slice(folder.length + 1));
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
  for (const pid of pids) {
    const maps = attempt(() => readFileSync(`/proc/${pid}/maps`, "utf8")) ?? "";
    for (const [, path = ""] of maps.matchAll(/^\S+ .w.s \S+ \S+ \S+ +(\/.*)$/gm)) {
      if (path.startsWith(`${folder}/`)) found.add(path.slice(folder.length + 1));
    }
  }
  return found;
}

function listOf(path: string): string[] {
  return attempt(() => readdirSync(path)) ?? [];
}

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null; // It has ended, or it is another user's.
  }
}
