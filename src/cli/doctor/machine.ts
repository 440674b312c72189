/** This machine: Node, open files. */
import { readFileSync } from "node:fs";
import { fail, ok, warn, type Finding } from "./finding.ts";

const OPEN_FILES = 4_096;
/** Oldest Node, as in `engines` of package.json. */
const OLDEST_NODE = [20, 19] as const;

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldest, oldestMinor] = OLDEST_NODE;
  if (major > oldest || (major === oldest && minor >= oldestMinor)) return ok("Node.js", version);
  return fail("Node.js", version, `Install Node.js ${oldest}.${oldestMinor} or newer.`);
}

/** Linux only: elsewhere there is no such file, and nothing is said. @param limits text of /proc/self/limits */
export function checkOpenFiles(limits: string | null): Finding[] {
  const soft = limits === null ? null : /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  if (soft == null) return [];
  if (soft === "unlimited" || Number(soft) >= OPEN_FILES) return [ok("open files", soft)];
  return [
    warn(
      "open files",
      soft,
      `Raise the limit to ${OPEN_FILES} or more (ulimit -n; LimitNOFILE= in a systemd unit): each open request takes one.`,
    ),
  ];
}

export function readLimits(): string | null {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return null;
  }
}
