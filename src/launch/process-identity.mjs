/**
 * Tells one process from another that later got the same pid.
 *
 * I1 A process is known by its pid and its start time together; a pid alone is never signalled or believed.
 * I2 A zombie is dead: in a container without an init nobody may ever reap it.
 *
 * Plain JavaScript: the build and the guard use it before anything is compiled.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/**
 * @typedef {object} ProcessIdentity
 * @property {number} pid
 * @property {string} startedAt when it started, in the words of the system: only ever compared for equality
 */

/**
 * @typedef {object} ProcessStat
 * @property {string} state
 * @property {number} parent
 * @property {number} processGroup
 * @property {string} startedAt
 */

/**
 * Reads `/proc/<pid>/stat`.
 * @param {number} pid
 * @returns {ProcessStat | null}
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
  return {
    state: fields[0] ?? "Z",
    parent: Number(fields[1]),
    processGroup: Number(fields[2]),
    startedAt: fields[19] ?? "",
  };
}

/**
 * Asks `ps`, for macOS and the BSDs.
 * @param {number} pid
 * @returns {ProcessStat | null}
 */
function statByPs(pid) {
  let line;
  try {
    line = execFileSync("ps", ["-o", "stat=,ppid=,pgid=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return null;
  }
  const [state, parent, processGroup, ...startedAt] = line.trim().split(/\s+/);
  if (state === undefined) return null;
  return { state, parent: Number(parent), processGroup: Number(processGroup), startedAt: startedAt.join(" ") };
}

const stat = process.platform === "linux" ? statOnLinux : statByPs;

/**
 * Who has this pid now; null if nobody has (I2).
 * @param {number} pid
 * @returns {(ProcessIdentity & {parent: number, processGroup: number}) | null}
 */
export function identify(pid) {
  const found = stat(pid);
  if (found === null || found.state.startsWith("Z") || found.state.startsWith("X")) return null;
  return { pid, startedAt: found.startedAt, parent: found.parent, processGroup: found.processGroup };
}

/**
 * Does exactly this process still run (I1)?
 * @param {ProcessIdentity} identity
 */
export function isRunning(identity) {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}

/**
 * The pids of all processes of this machine (of this container).
 * @returns {number[]}
 */
function allPids() {
  if (process.platform === "linux") return readdirSync("/proc").map(Number).filter(Number.isInteger);
  return execFileSync("ps", ["-axo", "pid="], { encoding: "utf8" }).split("\n").map(Number).filter(Boolean);
}

/**
 * Does a process carry this word in this comma-separated variable of the environment it was started with? Only
 * known on Linux, and only of processes of the same user.
 * @param {number} pid
 * @param {string} variable
 * @param {string} word
 */
function carries(pid, variable, word) {
  if (process.platform !== "linux") return false;
  try {
    const entry = readFileSync(`/proc/${pid}/environ`, "latin1")
      .split("\0")
      .find((line) => line.startsWith(`${variable}=`));
    return (
      entry
        ?.slice(variable.length + 1)
        .split(",")
        .includes(word) === true
    );
  } catch {
    return false;
  }
}

/**
 * All that descends from `roots`, the roots included, and all that carries `mark` in its environment, with its
 * descendants: what was started by a process that has ended since is nobody's descendant any more, but still carries
 * the mark. The caller is left out.
 * @param {readonly ProcessIdentity[]} roots
 * @param {{variable: string, word: string}} [mark]
 * @returns {ProcessIdentity[]}
 */
export function family(roots, mark) {
  const table = allPids().flatMap((pid) => identify(pid) ?? []);
  const found = new Map(roots.filter(isRunning).map(({ pid, startedAt }) => [pid, { pid, startedAt }]));
  if (mark !== undefined) {
    const marked = table.filter(({ pid }) => carries(pid, mark.variable, mark.word));
    for (const { pid, startedAt } of marked) found.set(pid, { pid, startedAt });
  }
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { pid, parent, startedAt } of table) if (found.has(parent)) found.set(pid, { pid, startedAt });
  }
  found.delete(process.pid);
  return [...found.values()];
}
