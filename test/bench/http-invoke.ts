/**
 * What the HTTP side of an online request costs: `POST /v1/tasks/echo/invoke` through the whole of Cairn, beside a bare
 * node:http server and a plain Express application that echo the same body, in turns on one machine.
 *
 *   npm run bench -- http-invoke [--json] [--seconds 3] [--rounds 3] [--replicas 3]
 *
 * Closed loop, 64 in flight and one at a time. The CPU time of the process that answers HTTP is told beside the rate:
 * on few cores everything competes, and the rate alone would say how many cores there are.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import express from "express";
import { createServing } from "../../api/serving.ts";
import { loadConfig } from "../../src/runtime/config.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { closedLoop, quantile } from "../support/http-load.ts";
import { startRedis } from "../support/redis.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    replicas: { type: "string", default: "3" },
    serve: { type: "string" },
  },
});
/** 219 bytes, as in the measurements of other systems. */
const BODY = JSON.stringify({ id: 123_456, kind: "order", text: "x".repeat(150), at: 1_700_000_000_000, flag: true });

interface System {
  readonly name: string;
  readonly path: string;
}
const SYSTEMS: readonly System[] = [
  { name: "node:http echo", path: "/" },
  { name: "express echo", path: "/" },
  { name: "cairn invoke", path: "/v1/tasks/echo/invoke" },
];

interface Sample {
  readonly system: string;
  readonly inFlight: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  /** Of the process that answers HTTP. */
  readonly cpuUsPerRequest: number;
}

if (flags.serve === undefined) await measure();
else await serve(flags.serve);

/** In a process of its own: one of the systems; tells its port. */
async function serve(system: string): Promise<void> {
  const ready = (address: AddressInfo | string | null): void => {
    process.send?.({ port: typeof address === "object" ? (address?.port ?? 0) : 0 });
  };
  process.once("disconnect", () => process.exit(0));
  if (system === "express echo") {
    const app = express();
    app.use(express.json());
    app.post("/", (request, response) => void response.json(request.body as unknown));
    const server = app.listen(0, "127.0.0.1", () => ready(server.address()));
  } else if (system === "node:http echo") {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks);
        JSON.parse(body.toString());
        response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length }).end(body);
      });
    }).listen(0, "127.0.0.1", () => ready(server.address()));
  } else {
    const config = loadConfig();
    const serving = createServing({
      config,
      logger: createLogger({ level: "warn", process: "api" }),
      listen: { host: "127.0.0.1", port: 0 },
      others: () => Promise.resolve([]),
    });
    await serving.start();
    ready(serving.address);
  }
}

async function measure(): Promise<void> {
  const redis = await startRedis();
  const folder = mkdtempSync(join(tmpdir(), "cairn-bench-"));
  const environment = {
    ...process.env,
    CAIRN_REDIS_URL: redis.url,
    CAIRN_DATA: folder,
    CAIRN_REPLICAS: flags.replicas,
    CAIRN_ONLINE_SLOTS: "96",
    CAIRN_LOG_LEVEL: "warn",
  };
  const children: ChildProcess[] = [];
  const start = async (file: string, args: readonly string[]): Promise<{ child: ChildProcess; message: unknown }> => {
    const child = fork(file, [...args], { env: environment, stdio: ["ignore", "ignore", "inherit", "ipc"] });
    children.push(child);
    const [message] = (await once(child, "message")) as [unknown];
    return { child, message };
  };
  try {
    await start(fileURLToPath(new URL("../../workers/main.js", import.meta.url)), []);
    const samples: Sample[] = [];
    for (let round = 0; round < Number(flags.rounds); round += 1) {
      for (const { name, path } of SYSTEMS) {
        const { child, message } = await start(fileURLToPath(import.meta.url), ["--serve", name]);
        const { port } = message as { readonly port: number };
        await closedLoop({ port, path, body: BODY, inFlight: 64, seconds: 1 }); // Warm.
        for (const inFlight of [1, 64]) {
          const before = cpuMs(child.pid ?? 0);
          const load = await closedLoop({ port, path, body: BODY, inFlight, seconds: Number(flags.seconds) });
          samples.push({
            system: name,
            inFlight,
            perSecond: load.requests / load.seconds,
            p50Ms: quantile(load.latenciesMs, 0.5),
            p99Ms: quantile(load.latenciesMs, 0.99),
            failed: load.failed,
            cpuUsPerRequest: ((cpuMs(child.pid ?? 0) - before) * 1_000) / load.requests,
          });
        }
        child.disconnect();
        await once(child, "exit");
      }
    }
    report(samples);
  } finally {
    for (const child of children) if (child.connected) child.disconnect();
    for (const child of children) if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** CPU time of a process so far, ms (Linux: ticks of 10 ms). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function report(samples: readonly Sample[]): void {
  const rows = [1, 64].flatMap((inFlight) =>
    SYSTEMS.map(({ name }) => {
      const own = samples.filter((sample) => sample.system === name && sample.inFlight === inFlight);
      const of = (pick: (sample: Sample) => number): number => median(own.map(pick));
      return {
        system: name,
        inFlight,
        perSecond: Math.round(of((sample) => sample.perSecond)),
        p50Ms: Number(of((sample) => sample.p50Ms).toFixed(2)),
        p99Ms: Number(of((sample) => sample.p99Ms).toFixed(2)),
        failed: own.reduce((sum, { failed }) => sum + failed, 0),
        cpuUsPerRequest: Math.round(of((sample) => sample.cpuUsPerRequest)),
      };
    }),
  );
  if (flags.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else console.table(rows);
}
