/**
 * Finds the Redis server that `npm start` and the tests run: `redis-server` or `valkey-server`, version 7 or newer.
 *
 * F1 A version is believed only from the program's own `--version`; what cannot say it is not taken.
 * F2 Every folder of PATH is looked at, so an old server in front of a new one does not hide it.
 * F3 Debian and Ubuntu: the package `redis-tools` holds the whole server under the name `redis-check-rdb`, which
 *    decides by its `argv[0]` what to be. `redis-server` is there only a link to it, in a package that registers and
 *    starts a system service. So the tools are enough, and nothing runs that we did not start.
 *
 * Plain JavaScript: it runs before packages exist.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Blocking reads of several elements (`BLMPOP`) and the multi-part append-only file came with 7. */
export const OLDEST_MAJOR = 7;

/** What may be a server, best first: the name on PATH and the name it is to be called by (F3). */
const CANDIDATES = [
  { file: "redis-server", argv0: "redis-server" },
  { file: "valkey-server", argv0: "valkey-server" },
  { file: "valkey-check-rdb", argv0: "valkey-server" },
  { file: "redis-check-rdb", argv0: "redis-server" },
];

/**
 * How to start a server: `spawn(command, args, { argv0 })`.
 * @typedef {object} RedisServer
 * @property {string} command absolute path
 * @property {string} argv0
 * @property {string} version as it said it, e.g. `7.0.15`
 */

/**
 * @param {string} path
 */
function isExecutableFile(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Asks a program for its version (F1).
 * @param {string} command
 * @param {string} argv0
 * @returns {string | null} null if it does not answer like a Redis or Valkey server
 */
function askVersion(command, argv0) {
  const { stdout, status } = spawnSync(command, ["--version"], {
    argv0,
    encoding: "utf8",
    timeout: 5_000,
    stdio: ["ignore", "pipe", "ignore"],
  });
  if (status !== 0) return null;
  return /^(?:Redis|Valkey) server v=(\d+\.\d+\.\d+\S*)/i.exec(stdout)?.[1] ?? null;
}

/**
 * Looks for a server that is new enough.
 * @param {object} [options]
 * @param {string} [options.path] the search path, by default that of this process
 * @param {readonly string[]} [options.alsoIn] more folders, looked at last
 * @returns {{kind: "found", server: RedisServer} | {kind: "missing", tooOld: RedisServer[]}}
 */
export function findRedis({ path = process.env["PATH"] ?? "", alsoIn = [] } = {}) {
  /** @type {RedisServer[]} */
  const tooOld = [];
  const folders = [...new Set([...path.split(delimiter).filter((folder) => folder !== ""), ...alsoIn])];
  for (const { file, argv0 } of CANDIDATES) {
    for (const folder of folders) {
      const command = join(folder, file);
      if (!isExecutableFile(command)) continue;
      const version = askVersion(command, argv0);
      if (version === null) continue;
      const server = { command, argv0, version };
      if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return { kind: "found", server };
      tooOld.push(server);
    }
  }
  return { kind: "missing", tooOld };
}

/**
 * The server, for those who run after `npm start` or `npm test` has made sure of it.
 * @param {string} [path] the search path, by default that of this process
 * @returns {RedisServer}
 * @throws if there is none
 */
export function requireRedis(path) {
  const found = findRedis(path === undefined ? {} : { path });
  if (found.kind === "found") return found.server;
  const old = found.tooOld.map(({ command, version }) => `${command} is ${version}`).join(", ");
  throw new Error(
    `No redis-server or valkey-server of version ${OLDEST_MAJOR} or newer on PATH${old === "" ? "" : ` (${old})`}. ` +
      "`npm start` and `npm test` install one where they can.",
  );
}
