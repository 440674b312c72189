/**
 * Makes `node_modules` what `package-lock.json` says.
 *
 * N1 Whether it is so is read off npm's own list in `node_modules/.package-lock.json`, which npm writes last: an
 *    installation that was killed half-way has none and is done again, one that somebody made by hand counts.
 * N2 One installation at a time: `npm start` and `npm test` may be started together.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { lock } from "./folder-lock.mjs";
import { runCommand } from "./run-command.mjs";

const TIMEOUT_MS = 10 * 60_000;

/**
 * @param {string} path
 * @returns {Record<string, {version?: string, optional?: boolean, devOptional?: boolean}> | null} null if absent
 */
function packagesIn(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return null;
  }
}

/**
 * @param {string} root
 */
function isInstalled(root) {
  const wanted = packagesIn(join(root, "package-lock.json"));
  // Without a lock file this is a package that was installed, with its dependencies, by npm.
  if (wanted === null) return true;
  const present = packagesIn(join(root, "node_modules/.package-lock.json")); // N1
  if (present === null) return false;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === "") return true;
    const found = present[path];
    // An optional one may be for another system.
    if (found === undefined) return optional === true;
    return found.version === version && existsSync(join(root, path));
  });
}

/** npm: the one that runs us, else that of PATH. */
function npmCommand() {
  const running = process.env["npm_execpath"];
  // Under pnpm or yarn the variable names those, which do not read our lock file.
  const isNpm = running !== undefined && basename(running) === "npm-cli.js" && existsSync(running);
  return isNpm ? { command: process.execPath, args: [running] } : { command: "npm", args: [] };
}

/**
 * @param {object} options
 * @param {string} options.root
 * @param {(line: string) => void} options.say
 * @param {(pid: number) => void} [options.onSpawn]
 */
export async function installPackages({ root, say, onSpawn }) {
  if (isInstalled(root)) return;
  const held = await lock(join(root, "dist/.install-lock"), (by) => say(`Waiting for npm ci of process ${by.pid} …`)); // N2
  try {
    if (isInstalled(root)) return;
    say("Installing packages (npm ci) …");
    const { command, args } = npmCommand();
    const result = await runCommand(
      command,
      // The compiler is a development dependency, and NODE_ENV=production would leave it out.
      [...args, "ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"],
      {
        cwd: root,
        timeoutMs: TIMEOUT_MS,
        onSpawn: (pid) => {
          held.share(pid);
          onSpawn?.(pid);
        },
      },
    );
    if (!result.ok) throw new Error(`npm ci failed:\n${result.output}`);
  } finally {
    held.release();
  }
}
