/** Which files of a folder a process holds open for writing. Known on Linux, of processes of the same user. */
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
