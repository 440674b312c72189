/**
 * A Redis of our own: on loopback, with its data in a given folder and the append-only file on.
 *
 * R1 It is in a session of its own: it would exit on the SIGINT that a terminal sends to the whole group, before
 *    those who still need it.
 * R2 One server per data folder: two would ruin the append-only file. The folder's lock is held as long as the
 *    server lives, even if the process that started it is gone; such a left-over server is ended first.
 * R3 Started means that it answers, after it has loaded its data; every wait is bounded.
 * R4 Its output goes to a file and not through a pipe: it outlives its parent by some seconds (see guard.mjs).
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync } from "node:fs";
import { createServer, connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RedisServer } from "./find-redis.mjs";
import { endProcess, waitForExit } from "./end-process.ts";
import { tryLock } from "./folder-lock.mjs";
import type { HeldLock } from "./folder-lock.mjs";

const HOST = "127.0.0.1";
/** A free port may be taken by somebody else between finding and binding it. */
const PORT_TRIES = 5;
/** How long it may be silent while it starts, ms; while it says that it is loading its data it may take LOADING_MS. */
const SILENT_MS = 15_000;
const LOADING_MS = 10 * 60_000;
const POLL_MS = 15;
/** From SIGTERM, on which Redis writes what is left of the append-only file, to SIGKILL, ms. */
const STOP_MS = 10_000;

export interface PrivateRedisOptions {
  readonly server: RedisServer;
  /** Holds the append-only file, and the log `redis.log`. Made if absent. */
  readonly dataDir: string;
  /** A free one if absent. */
  readonly port?: number;
  /** More settings, each `--name value`. */
  readonly args?: readonly string[];
  /** The environment of the server. */
  readonly env?: NodeJS.ProcessEnv;
  /** Called with the pid as soon as there is one, so that a guard knows it from the first moment. */
  readonly onSpawn?: (pid: number) => void;
}

export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** SIGTERM, SIGKILL after `graceMs` (10 s). Idempotent. */
  stop(options?: { readonly graceMs: number }): Promise<void>;
}

/** Why a server did not start. `code` tells what can be done about it. */
export class RedisStartError extends Error {
  readonly code: "port_taken" | "damaged_append_only_file" | "folder_in_use" | "failed";
  constructor(code: RedisStartError["code"], message: string) {
    super(message);
    this.name = "RedisStartError";
    this.code = code;
  }
}

/** A port of the loopback interface that nobody listens on at this moment. */
export async function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === "object") resolve(address.port);
        else reject(new Error("The probe for a free port has no address."));
      });
    });
  });
}

/**
 * Asks who serves a port, on a connection of its own: `serving` and `loading` only if it is the process `pid`, since
 * a foreign server may listen on the port that ours could not bind; else `silent` (also after 1 s without an answer).
 */
function ask(port: number, pid: number): Promise<"serving" | "loading" | "silent"> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    let text = "";
    const answer = (kind: "serving" | "loading" | "silent"): void => {
      socket.destroy();
      resolve(kind);
    };
    socket.setTimeout(1_000, () => answer("silent"));
    socket.once("error", () => answer("silent"));
    socket.once("close", () => answer("silent"));
    socket.once("connect", () => socket.write("INFO server persistence\r\n"));
    socket.on("data", (data) => {
      text += data.toString("latin1");
      const loading = /^loading:([01])/m.exec(text)?.[1];
      const serverPid = /^process_id:(\d+)/m.exec(text)?.[1];
      if (loading === undefined || serverPid === undefined) return;
      if (Number(serverPid) !== pid) answer("silent");
      else answer(loading === "1" ? "loading" : "serving");
    });
  });
}

/** What the server wrote last, for an error message. */
function tail(logFile: string, from: number): string {
  return readFileSync(logFile).subarray(from).toString("utf8").trim().split("\n").slice(-12).join("\n");
}

function manifestIn(dataDir: string): string {
  const folder = join(dataDir, "appendonlydir");
  const name = readdirSync(folder).find((file) => file.endsWith(".manifest")) ?? "appendonly.aof.manifest";
  return join(folder, name);
}

function explainExit(output: string, options: PrivateRedisOptions, port: number): RedisStartError {
  if (/Address already in use|Could not create server TCP listening socket/i.test(output)) {
    return new RedisStartError("port_taken", `Port ${port} is taken.`);
  }
  if (
    /Bad file format reading the append only file|Unexpected end of file reading the append only file|Invalid AOF|AOF .*(corrupt|format error)|Wrong signature trying to load DB/i.test(
      output,
    )
  ) {
    const manifest = manifestIn(options.dataDir);
    return new RedisStartError(
      "damaged_append_only_file",
      `The append-only file in ${options.dataDir} is damaged, and Redis does not start on it.\n` +
        `Look at it with   redis-check-aof ${manifest}\n` +
        `Repair it with    redis-check-aof --fix ${manifest}   (cuts off everything from the damage on; copy the folder first)\n` +
        `What Redis said:\n${output}`,
    );
  }
  return new RedisStartError("failed", `Redis (${options.server.command}) ended while starting:\n${output}`);
}

/** Takes the folder's lock, ending a server whose starter is gone (R2). */
async function lockFolder(dataDir: string): Promise<HeldLock> {
  for (;;) {
    const result = tryLock(join(dataDir, ".lock"));
    if (result.kind === "held") return result.lock;
    if (result.note["redis"] !== String(result.by.pid)) {
      throw new RedisStartError("folder_in_use", `${dataDir} is in use by the Redis of process ${result.by.pid}.`);
    }
    await endProcess(result.by, { graceMs: STOP_MS });
  }
}

async function waitUntilServing(
  port: number,
  pid: number,
  exited: Promise<void>,
): Promise<"serving" | "ended" | "silent"> {
  const ended = exited.then(() => "ended" as const);
  const begin = performance.now();
  let loading = false;
  while (performance.now() - begin < (loading ? LOADING_MS : SILENT_MS)) {
    const answer = await Promise.race([ended, ask(port, pid)]);
    if (answer === "ended" || answer === "serving") return answer;
    if (answer === "loading") loading = true;
    await Promise.race([ended, delay(POLL_MS)]);
  }
  return "silent";
}

async function startOn(port: number, options: PrivateRedisOptions, lock: HeldLock): Promise<PrivateRedis> {
  const { server, dataDir } = options;
  const logFile = join(dataDir, "redis.log");
  const log = openSync(logFile, "a");
  const logStart = readFileSync(logFile).length;
  const args = [
    ...["--port", String(port), "--bind", HOST, "--dir", dataDir, "--daemonize", "no"],
    ...["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""],
    ...["--maxmemory-policy", "noeviction", "--always-show-logo", "no"],
    // A server that changes its title overwrites the environment in which the guard looks for its mark.
    ...["--set-proc-title", "no"],
    ...(options.args ?? []),
  ];
  const child = spawn(server.command, args, {
    argv0: server.argv0,
    cwd: dataDir,
    env: options.env ?? process.env,
    detached: true, // R1
    stdio: ["ignore", log, log], // R4
  });
  closeSync(log);
  const exited = waitForExit(child);
  if (child.pid === undefined) {
    await exited;
    throw new RedisStartError("failed", `${server.command} cannot be started.`);
  }
  const pid = child.pid;
  options.onSpawn?.(pid);
  lock.tell({ redis: String(pid) });
  lock.share(pid);

  const stop = async ({ graceMs } = { graceMs: STOP_MS }): Promise<void> => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), graceMs);
    await exited;
    clearTimeout(kill);
  };
  const state = await waitUntilServing(port, pid, exited);
  if (state === "ended") throw explainExit(tail(logFile, logStart), options, port);
  if (state === "silent") {
    await stop();
    throw new RedisStartError("failed", `Redis did not answer in time:\n${tail(logFile, logStart)}`);
  }
  return { url: `redis://${HOST}:${port}`, port, pid, exited, stop };
}

/**
 * Starts a Redis and resolves when it serves (R3).
 * @throws {RedisStartError}
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(options.dataDir);
  for (let attempt = 1; ; attempt++) {
    try {
      const redis = await startOn(options.port ?? (await findFreePort()), options, lock);
      void redis.exited.then(() => lock.release());
      return redis;
    } catch (error) {
      const again = error instanceof RedisStartError && error.code === "port_taken" && options.port === undefined;
      if (again && attempt < PORT_TRIES) continue;
      lock.release();
      throw error;
    }
  }
}
