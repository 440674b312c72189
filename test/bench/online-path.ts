/**
 * The online path without HTTP: one coordinator, three replica processes, a task that answers with its input; beside
 * it, in turns on the same Redis, BullMQ `add` + `waitUntilFinished` with its best worker concurrency.
 *
 *   npm run bench -- online-path [--json] [--seconds 3] [--rounds 3]
 *
 * Two loads: one request at a time (latency), and 64 in flight, closed loop (throughput). Redis's own CPU is taken
 * from INFO, so a request's share of the one thread that all have in common is seen.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Queue, QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import { OnlineBed } from "../support/online.ts";
import { startRedis } from "../support/redis.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "" },
  },
});
const SECONDS = Number(flags.seconds);
const ROUNDS = Number(flags.rounds);
const REPLICAS = 3;
const IN_FLIGHT = 64;
/** 219 bytes as JSON, as in the measurements of other systems. */
const PAYLOAD = { id: 123_456, kind: "order", text: "x".repeat(150), at: 1_700_000_000_000, flag: true };

interface Sample {
  readonly system: string;
  readonly inFlight: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly redisUsPerRequest: number;
  readonly redisCommandsPerRequest: number;
  readonly callerUsPerRequest: number;
  readonly workersUsPerRequest: number;
}

interface Opened {
  readonly call: () => Promise<unknown>;
  /** Processes that do the work. */
  readonly pids: readonly number[];
  readonly close: () => Promise<void>;
}

const server = await startRedis();
const admin = new Redis(server.url);
const results: Sample[] = [];
try {
  const systems: { readonly name: string; readonly open: () => Promise<Opened> }[] = [
    { name: "cairn", open: openCairn },
    { name: "bullmq 1x16", open: () => openBullmq(1, 16) },
    { name: "bullmq 3x8", open: () => openBullmq(3, 8) },
  ];
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, open } of systems) {
      if (!name.startsWith(flags.only)) continue;
      const opened = await open();
      try {
        await load(opened, 8, 500); // Warm.
        for (const inFlight of [1, IN_FLIGHT]) results.push(await measure(name, opened, inFlight));
      } finally {
        await opened.close();
        await admin.flushall();
      }
    }
  }
} finally {
  admin.disconnect();
  await server.stop();
}
report();

async function openCairn(): Promise<Opened> {
  const bed = new OnlineBed(server.url, []);
  const { api, replicas } = await bed.start(REPLICAS);
  const request = api.request("echo", PAYLOAD);
  return {
    call: async () => {
      const outcome = await api.coordinator.invoke(request);
      if (outcome.kind !== "answered") throw new Error(JSON.stringify(outcome));
    },
    pids: replicas.map(({ pid }) => pid),
    close: () => bed.stop(),
  };
}

async function openBullmq(processes: number, concurrency: number): Promise<Opened> {
  const worker = fileURLToPath(new URL("bullmq-echo-worker.js", import.meta.url));
  const children: ChildProcess[] = [];
  for (let n = 0; n < processes; n++) {
    const child = fork(worker, [server.url, String(concurrency)]);
    children.push(child);
    await once(child, "message");
  }
  const connection = { url: server.url, maxRetriesPerRequest: null };
  const queue = new Queue("echo", { connection });
  queue.setMaxListeners(1_000);
  const events = new QueueEvents("echo", { connection });
  await events.waitUntilReady();
  return {
    call: async () => {
      const job = await queue.add("echo", PAYLOAD, { removeOnComplete: 1_000 });
      await job.waitUntilFinished(events, 10_000);
    },
    pids: children.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    close: async () => {
      await events.close();
      await queue.close();
      for (const child of children) {
        const exited = once(child, "exit");
        child.kill("SIGKILL");
        await exited;
      }
    },
  };
}

/** Closed loop: `inFlight` callers, each with one request at a time. @returns latencies, ms */
async function load({ call }: Opened, inFlight: number, ms: number): Promise<number[]> {
  const latencies: number[] = [];
  const until = performance.now() + ms;
  const caller = async (): Promise<void> => {
    for (;;) {
      const begin = performance.now();
      if (begin >= until) return;
      await call();
      latencies.push(performance.now() - begin);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return latencies;
}

async function measure(system: string, opened: Opened, inFlight: number): Promise<Sample> {
  const before = await redisUse();
  const cpu = process.cpuUsage();
  const workersBefore = cpuOf(opened.pids);
  const begin = performance.now();
  const latencies = await load(opened, inFlight, SECONDS * 1_000);
  const ms = performance.now() - begin;
  const used = process.cpuUsage(cpu);
  const workersAfter = cpuOf(opened.pids);
  const after = await redisUse();
  const sorted = Float64Array.from(latencies).sort();
  const quantile = (q: number): number => sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
  return {
    system,
    inFlight,
    perSecond: (latencies.length / ms) * 1_000,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    redisUsPerRequest: ((after.cpuS - before.cpuS) * 1e6) / latencies.length,
    redisCommandsPerRequest: (after.commands - before.commands) / latencies.length,
    workersUsPerRequest: ((workersAfter - workersBefore) * 1e6) / latencies.length,
    callerUsPerRequest: (used.user + used.system) / latencies.length,
  };
}

/** CPU seconds that processes have used so far (Linux counts in hundredths). */
function cpuOf(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / 100;
}

async function redisUse(): Promise<{ readonly cpuS: number; readonly commands: number }> {
  const info = await admin.info();
  const field = (name: string): number => Number(new RegExp(`^${name}:(.*)$`, "m").exec(info)?.[1] ?? Number.NaN);
  return {
    cpuS: field("used_cpu_user") + field("used_cpu_sys"),
    commands: field("total_commands_processed"),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

function report(): void {
  const groups = new Map<string, Sample[]>();
  for (const sample of results) {
    const key = `${sample.system}, ${sample.inFlight} in flight`;
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  const rows = [...groups].map(([name, samples]) => ({
    name,
    "req/s": Math.round(median(samples.map(({ perSecond }) => perSecond))),
    "p50 ms": Number(median(samples.map(({ p50Ms }) => p50Ms)).toFixed(2)),
    "p99 ms": Number(median(samples.map(({ p99Ms }) => p99Ms)).toFixed(2)),
    "Redis µs/req": Number(median(samples.map(({ redisUsPerRequest }) => redisUsPerRequest)).toFixed(1)),
    "commands/req": Number(median(samples.map(({ redisCommandsPerRequest }) => redisCommandsPerRequest)).toFixed(2)),
    "workers µs/req": Number(median(samples.map(({ workersUsPerRequest }) => workersUsPerRequest)).toFixed(1)),
    "caller µs/req": Number(median(samples.map(({ callerUsPerRequest }) => callerUsPerRequest)).toFixed(1)),
  }));
  if (flags.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else console.table(rows);
}
