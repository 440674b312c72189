/**
 * Installs a Redis server with the system's package manager, where that needs nobody's password.
 *
 * X1 Nothing may stay running that we did not start. On Debian and Ubuntu `redis-tools` holds the server and
 *    registers no service (see find-redis.mjs, F3); the packages of dnf, apk and brew register one but do not start it.
 * X2 Nothing is installed that is too old to be used.
 * X3 What cannot be done is told as the commands to do it.
 */
import { join } from "node:path";
import { findRedis, OLDEST_MAJOR } from "./find-redis.mjs";
import { runCommand } from "./run-command.mjs";

const TIMEOUT_MS = 10 * 60_000;
/** No question may wait for an answer that nobody sees. */
const QUIET = { DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_SUSPEND: "1", LC_ALL: "C" };

const COMMANDS = {
  apt: "sudo apt-get update && sudo apt-get install redis-tools",
  dnf: "sudo dnf install 'redis >= 7'      (or: sudo dnf install valkey)",
  apk: "sudo apk add 'redis>=7'            (or: sudo apk add valkey)",
  brew: "brew install redis",
};

/** @typedef {(command: string, args: string[]) => Promise<{ok: boolean, output: string}>} Run */

/**
 * Runs as root: directly, or through a sudo that asks for no password.
 * @returns {Promise<Run | null>} null if neither is possible
 */
async function runAsRoot() {
  if (process.getuid?.() === 0)
    return (command, args) => runCommand(command, args, { timeoutMs: TIMEOUT_MS, env: QUIET });
  if (!(await runCommand("sudo", ["-n", "true"], { timeoutMs: 10_000 })).ok) return null;
  const settings = Object.entries(QUIET).map(([name, value]) => `${name}=${value}`);
  return (command, args) => runCommand("sudo", ["-n", "env", ...settings, command, ...args], { timeoutMs: TIMEOUT_MS });
}

/**
 * @param {string} command
 */
async function has(command) {
  return (await runCommand(command, ["--version"], { timeoutMs: 10_000 })).ok;
}

/**
 * The first of `names` that apt knows in a version that can be used (X2).
 * @param {string[]} names
 */
async function candidate(names) {
  for (const name of names) {
    const { output } = await runCommand("apt-cache", ["policy", name], { timeoutMs: 30_000, env: QUIET });
    // An epoch may stand in front: `Candidate: 5:7.0.15-1~deb12u5`.
    const major = /^\s*Candidate: (?:\d+:)?(\d+)\./m.exec(output)?.[1];
    if (major !== undefined && Number(major) >= OLDEST_MAJOR) return name;
  }
  return null;
}

/**
 * @param {Run} run
 * @param {(line: string) => void} say
 */
async function installWithApt(run, say) {
  const names = ["redis-tools", "valkey-tools"];
  const options = ["-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0"];
  /** @param {string} name */
  const install = (name) => run("apt-get", [...options, "install", "-y", "--no-install-recommends", name]);

  let name = await candidate(names);
  if (name !== null) {
    say(`Redis is not here: installing ${name} with apt-get (the server's program; no service is registered) …`);
    if ((await install(name)).ok) return;
  }
  // The package lists are absent (a container) or so old that the file they name is gone.
  const update = await run("apt-get", [...options, "update"]);
  if (!update.ok) throw new Error(`apt-get update failed:\n${update.output}`);
  if (name === null) {
    name = await candidate(names);
    if (name === null) throw new Error(`This system's packages hold no Redis or Valkey ${OLDEST_MAJOR} or newer.`);
    say(`Redis is not here: installing ${name} with apt-get (the server's program; no service is registered) …`);
  }
  const result = await install(name);
  if (!result.ok) throw new Error(`apt-get install ${name} failed:\n${result.output}`);
}

/**
 * Tries one package after the other; `version` is how this package manager writes "7 or newer".
 * @param {Run} run
 * @param {(line: string) => void} say
 * @param {{command: string, args: string[], packages: string[]}} how
 */
async function installFirst(run, say, { command, args, packages }) {
  let output = "";
  for (const name of packages) {
    say(`Redis is not here: installing ${name} with ${command} …`);
    const result = await run(command, [...args, name]);
    if (result.ok) return;
    output = result.output;
  }
  throw new Error(`${command} could not install it:\n${output}`);
}

/**
 * Installs by whatever package manager there is.
 * @param {(line: string) => void} say
 * @returns {Promise<{folders: string[]} | {refused: string}>} folders off PATH where the server may be now
 */
async function install(say) {
  if (process.platform === "darwin" || !(await hasSystemManager())) {
    if (!(await has("brew"))) return { refused: "no package manager that this program knows (apt, dnf, apk, brew)" };
    if (process.getuid?.() === 0) return { refused: "brew does not run as root" };
    /** @type {Run} */
    const run = (command, args) =>
      runCommand(command, args, { timeoutMs: TIMEOUT_MS, env: { HOMEBREW_NO_AUTO_UPDATE: "1", NONINTERACTIVE: "1" } });
    await installFirst(run, say, { command: "brew", args: ["install"], packages: ["redis"] });
    const { output } = await runCommand("brew", ["--prefix"], { timeoutMs: 30_000 });
    return { folders: [join(output.trim(), "bin")] };
  }
  const run = await runAsRoot();
  if (run === null) return { refused: "this user is not root, and cannot be without a password (sudo -n)" };
  if (await has("apt-get")) await installWithApt(run, say);
  else if (await has("dnf")) {
    await installFirst(run, say, { command: "dnf", args: ["install", "-y"], packages: ["redis >= 7", "valkey"] });
  } else {
    await installFirst(run, say, { command: "apk", args: ["add", "--no-cache"], packages: ["redis>=7", "valkey"] });
  }
  return { folders: ["/usr/bin", "/usr/sbin"] };
}

async function hasSystemManager() {
  return (await has("apt-get")) || (await has("dnf")) || (await has("apk"));
}

/**
 * The server: the one that is there, else the one that could be installed.
 * @param {(line: string) => void} say
 * @returns {Promise<import("./find-redis.mjs").RedisServer>}
 * @throws with the commands to type, if there is none and none can be installed (X3)
 */
export async function provideRedis(say) {
  const before = findRedis();
  if (before.kind === "found") return before.server;
  const old = before.tooOld.map(({ command, version }) => `${command} is ${version}`).join(", ");
  let why;
  try {
    const result = await install(say);
    if ("refused" in result) why = result.refused;
    else {
      const after = findRedis({ alsoIn: result.folders });
      if (after.kind === "found") {
        say(`Redis ${after.server.version}: ${after.server.command}`);
        return after.server;
      }
      why = "what was installed is not a server that can be used";
    }
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  throw new Error(
    [
      `Cairn needs redis-server or valkey-server, version ${OLDEST_MAJOR} or newer, on PATH${old === "" ? "" : ` (${old})`}.`,
      `It could not be installed: ${why}`,
      "Do one of these, then start again:",
      ...Object.values(COMMANDS).map((command) => `  ${command}`),
      "  https://redis.io/docs/latest/operate/oss_and_stack/install/   (packages for older systems)",
      "or, for npm start, name a Redis that runs:   CAIRN_REDIS_URL=redis://host:6379 npm start",
    ].join("\n"),
  );
}
