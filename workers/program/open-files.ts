/** Which files of a folder a process can write to now. Known on Linux, of processes of the same user. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const WRITING = 0o3; // O_WRONLY | O_RDWR

/** @returns names inside `folder`; null: it cannot be known (another system, another user's process) */
export function openForWriting(pids: readonly number[], folder: string): ReadonlySet<string> | null {
  if (process.platform !== "linux") return null;
  const found = new Set<string>();
  for (const pid of pids) {
    const files = listOf(`/proc/${pid}/fd`);
    if (files === null) return null;
    for (const file of files) {
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
