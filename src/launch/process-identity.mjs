/**
 * Tells one process from another that later got the same pid.
 *
 * I1 A process is known by its pid and its start time together; a pid alone is never signalled or believed.
 * I2 A zombie is dead: in a container without an init nobody may ever reap it.
 *
 * Plain JavaScript: the build and the guard use it before anything is compiled.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * @typedef {object} ProcessIdentity
 * @property {number} pid
 * @property {string} startedAt when it started, in the words of the system: only ever compared for equality
 */

/**
 * Reads `/proc/<pid>/stat`.
 * @param {number} pid
 * @returns {{state: string, processGroup: number, startedAt: string} | null}
 */
function statOnLinux(pid) {
  let stat;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // The second field is the command in parentheses and may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "Z", processGroup: Number(fields[2]), startedAt: fields[19] ?? "" };
}

/**
 * Asks `ps`, for macOS and the BSDs.
 * @param {number} pid
 * @returns {{state: string, processGroup: number, startedAt: string} | null}
 */
function statByPs(pid) {
  let line;
  try {
    line = execFileSync("ps", ["-o", "stat=,pgid=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return null;
  }
  const [state, processGroup, ...startedAt] = line.trim().split(/\s+/);
  return state === undefined ? null : { state, processGroup: Number(processGroup), startedAt: startedAt.join(" ") };
}

const stat = process.platform === "linux" ? statOnLinux : statByPs;

/**
 * Who has this pid now; null if nobody has (I2).
 * @param {number} pid
 * @returns {(ProcessIdentity & {processGroup: number}) | null}
 */
export function identify(pid) {
  const found = stat(pid);
  if (found === null || found.state.startsWith("Z") || found.state.startsWith("X")) return null;
  return { pid, startedAt: found.startedAt, processGroup: found.processGroup };
}

/**
 * Does exactly this process still run (I1)?
 * @param {ProcessIdentity} identity
 */
export function isRunning(identity) {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}
