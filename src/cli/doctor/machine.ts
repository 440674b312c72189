/** This machine: Node, open files. */
import { readFileSync } from "node:fs";
import { isNodeNewEnough, OLDEST_NODE } from "../../runtime/required-node.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";

const OPEN_FILES = 4_096;

export function checkNode(version: string): Finding {
  if (isNodeNewEnough(version)) return ok("Node.js", version);
  return fail("Node.js", version, `Install Node.js ${OLDEST_NODE.join(".")} or newer.`);
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
