/**
 * Cairn and what one would use instead, each as its own small fleet of real processes: all get the same body at a
 * port and answer with it.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { Fleet } from "../../support/fleet.ts";
import { post } from "../../support/http-caller.ts";
import { familyOf } from "../../support/process-cpu.ts";
import { startRedis } from "../../support/redis.ts";

const ROOT = new URL("../../../../", import.meta.url);
const PEERS = new URL("test/bench/peers/", ROOT);
const TASKS = fileURLToPath(new URL("test/support/bench-tasks.mjs", ROOT));
const WORKERS = 3;

/** 219 bytes, as in the measurements of other systems. */
export const BODY = JSON.stringify({
  ...{ id: 123_456, kind: "order", text: "x".repeat(150), at: 1_700_000_000_000, flag: true },
});

export interface RunningSystem {
  readonly port: number;
  readonly request: Buffer;
  /** Processes that answer HTTP. */
  readonly apiPids: readonly number[];
  /** Processes that do the work. */
  readonly workerPids: readonly number[];
  /** What Redis has used so far; null without Redis. */
  readonly redis: () => Promise<RedisUse | null>;
  readonly stop: () => Promise<void>;
}

export interface RedisUse {
  readonly cpuMs: number;
  readonly commands: number;
}

export interface System {
  readonly name: string;
  readonly start: () => Promise<RunningSystem>;
}

export const CAIRN: System = { name: "cairn", start: startCairn };
export const BULLMQ: readonly System[] = [8, 16, 64].map((concurrency) => ({
  name: `express + bullmq, concurrency ${concurrency}`,
  start: () => startQueue("bullmq", concurrency),
}));
export const PROXY: System = { name: "express → undici proxy", start: startProxy };
export const BEE: System = { name: "express + bee-queue", start: () => startQueue("bee", 16) };
export const FASTIFY: System = { name: "fastify echo (no worker)", start: startFastify };

/**
 * As `npm start` brings it up: three workers with a replica and 16 slots each. With all that a request can ask of it: validation of input and output, a deadline,
 * hedging, histograms.
 */
async function startCairn(): Promise<RunningSystem> {
  const fleet = await Fleet.start({
    workers: WORKERS,
    settings: { CAIRN_TASKS: TASKS, CAIRN_BATCH_SLOTS: "0", CAIRN_LOG_LEVEL: "warn" },
  });
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, (_, at) =>
      fleet.worker(`w${at + 1}`, "with a replica", (worker) => worker.pids.replicas.length === 1),
    ),
  );
  const port = Number(new URL(fleet.client.url).port);
  const admin = new Redis(fleet.redis.url);
  return {
    port,
    request: post("/v1/tasks/order/invoke", BODY, { "Request-Timeout-Ms": "5000" }),
    apiPids: familyOf(fleet.apiPid),
    workerPids: workers.flatMap(({ pids }) => [pids.agent, ...pids.replicas]),
    redis: () => redisUse(admin),
    stop: async () => {
      admin.disconnect();
      await fleet.stop();
    },
  };
}

async function startQueue(kind: "bullmq" | "bee", concurrency: number): Promise<RunningSystem> {
  const redis = await startRedis();
  const peers = new Peers();
  await peers.start(`${kind}-worker.mjs`, redis.url, String(concurrency));
  const api = await peers.start(`express-${kind}.mjs`, redis.url);
  const admin = new Redis(redis.url);
  return {
    ...peers.running(api),
    redis: () => redisUse(admin),
    stop: async () => {
      admin.disconnect();
      await peers.stop();
      await redis.stop();
    },
  };
}

async function startProxy(): Promise<RunningSystem> {
  const peers = new Peers();
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => peers.start("plain-worker.mjs")));
  const api = await peers.start("express-proxy.mjs", ...workers.map(({ port }) => String(port)));
  return { ...peers.running(api), redis: () => Promise.resolve(null), stop: () => peers.stop() };
}

async function startFastify(): Promise<RunningSystem> {
  const peers = new Peers();
  const api = await peers.start("fastify-echo.mjs");
  return { ...peers.running(api), redis: () => Promise.resolve(null), stop: () => peers.stop() };
}

interface Peer {
  readonly pid: number;
  readonly port: number;
}

/** The processes of one peer. */
class Peers {
  readonly #children = new Map<number, ChildProcess>();

  async start(file: string, ...args: readonly string[]): Promise<Peer> {
    const child = fork(new URL(file, PEERS), [...args], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    if (child.pid === undefined) throw new Error(`${file} could not be started`);
    this.#children.set(child.pid, child);
    const ended = once(child, "exit").then(() => Promise.reject(new Error(`${file} ended before it was ready`)));
    ended.catch(() => undefined); // When it ends later it is meant to.
    const [message] = (await Promise.race([once(child, "message"), ended])) as [{ readonly port: number }];
    return { pid: child.pid, port: message.port };
  }

  running({ pid, port }: Peer): Pick<RunningSystem, "port" | "request" | "apiPids" | "workerPids"> {
    const workerPids = [...this.#children.keys()].filter((other) => other !== pid);
    return { port, request: post("/", BODY), apiPids: [pid], workerPids };
  }

  async stop(): Promise<void> {
    await Promise.all(
      [...this.#children.values()].map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      }),
    );
  }
}

async function redisUse(admin: Redis): Promise<RedisUse> {
  const info = await admin.info();
  const field = (name: string): number => Number(new RegExp(`^${name}:(.*)$`, "m").exec(info)?.[1] ?? Number.NaN);
  return {
    cpuMs: (field("used_cpu_user") + field("used_cpu_sys")) * 1_000,
    commands: field("total_commands_processed"),
  };
}
