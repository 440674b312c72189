/**
 * A whole Cairn for a test, every process real: Redis, API processes and workers, in a folder of their own.
 * All that was started is ended by `stop`, whatever state a test left it in.
 */
import { fork, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CairnClient } from "../../src/client/client.ts";
import type { Attempt, Job } from "../../src/contract/job.ts";
import type { Worker } from "../../src/contract/worker.ts";
import { identify } from "../../src/launch/process-identity.mjs";
import { batchNice } from "./batch-nice.ts";
import { eventually } from "./eventually.ts";
import type { PreloadedNode } from "./faults/preloaded-node.ts";
import { familyOf } from "./process-cpu.ts";
import { startRedis, type TestRedis } from "./redis.ts";

/** Benches and chaos runs are compiled, and then lie in `dist/` themselves. */
const DIST = fileURLToPath(
  new URL(import.meta.url.includes("/dist/test/") ? "../../" : "../../dist/", import.meta.url),
);

type Settings = Readonly<Record<string, string>>;

interface Started {
  readonly child: ChildProcess;
  readonly ready: Readonly<Record<string, unknown>>;
}

export interface FleetOptions {
  readonly workers?: number;
  /** `CAIRN_*` for all processes. */
  readonly settings?: Settings;
  /** Another server than a Redis of the test's own. */
  readonly redis?: TestRedis;
}

export class Fleet {
  readonly redis: TestRedis;
  readonly folder: string;
  readonly #settings: Settings;
  readonly #children = new Set<ChildProcess>();
  /** Those started last, by their ids. */
  readonly #workers = new Map<string, ChildProcess>();
  /** Of all workers that ever were: the processes of a killed agent are nobody's children any more. */
  readonly #pids = new Set<number>();
  #clients: CairnClient[] = [];
  #apiPids: number[] = [];

  private constructor(redis: TestRedis, settings: Settings) {
    this.redis = redis;
    this.folder = mkdtempSync(join(tmpdir(), "cairn-fleet-"));
    this.#settings = settings;
  }

  /** Redis, one API process and some workers, all serving. */
  static async start(options: FleetOptions = {}): Promise<Fleet> {
    const fleet = new Fleet(options.redis ?? (await startRedis()), options.settings ?? {});
    await fleet.addApi();
    await Promise.all(Array.from({ length: options.workers ?? 2 }, (_, n) => fleet.addWorker(`w${n + 1}`)));
    return fleet;
  }

  /** Where its checkpoints lie, when the store is a folder. */
  get storeFolder(): string {
    const { CAIRN_STORE: store = "" } = this.#settings;
    return store.startsWith("file:") ? store.slice("file:".length) : join(this.folder, "store");
  }

  get client(): CairnClient {
    const [client] = this.#clients;
    if (client === undefined) throw new Error("no API process was started");
    return client;
  }

  get clients(): readonly CairnClient[] {
    return this.#clients;
  }

  /** The first API: the parent of its serving processes. */
  get apiPid(): number {
    return this.#apiPids[0] ?? 0;
  }

  get apiPids(): readonly number[] {
    return this.#apiPids;
  }

  /** SIGKILL to the serving processes of an API. */
  killServing(apiPid: number): void {
    for (const pid of familyOf(apiPid)) if (pid !== apiPid) send(pid, "SIGKILL");
  }

  async addApi(
    settings: Settings = {},
    node?: PreloadedNode,
  ): Promise<{ readonly client: CairnClient; readonly child: ChildProcess; readonly url: string }> {
    const { child, ready } = await this.#fork("api/main.js", { CAIRN_PORT: "0", ...settings }, node);
    const url = String(ready["url"]);
    const client = new CairnClient({ url });
    this.#clients.push(client);
    if (child.pid !== undefined) this.#apiPids.push(child.pid);
    return { client, child, url };
  }

  async addWorker(id: string, settings: Settings = {}, node?: PreloadedNode): Promise<ChildProcess> {
    const { child } = await this.#fork("workers/main.js", { CAIRN_WORKER_ID: id, ...settings }, node);
    this.#workers.set(id, child);
    return child;
  }

  /** SIGTERM to a worker; resolves when it has handed over what it had, and ended. */
  async leave(id: string): Promise<void> {
    await this.#end(id, "SIGTERM");
  }

  /** SIGKILL to the agent of a worker, if it lives; resolves when it has ended. */
  async killAgent(id: string): Promise<void> {
    await this.#end(id, "SIGKILL");
  }

  async #end(id: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.#workers.get(id);
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** The worker as the API tells it, once `look` is content with it. */
  async worker(id: string, label = "known", look: (worker: Worker) => boolean = () => true): Promise<Worker> {
    return eventually(`worker ${id} is ${label}`, async () => {
      const worker = await this.client.worker(id).catch(() => null);
      if (worker === null || !look(worker)) return null;
      for (const pid of allPids(worker)) this.#pids.add(pid);
      return worker;
    });
  }

  /** The job, once `look` is content with it. */
  async job(id: string, label: string, look: (job: Job) => boolean, withinMs = 60_000): Promise<Job> {
    let last: Job | null = null;
    return eventually(
      `job ${id} ${label}`,
      async () => {
        last = await this.client.job(id);
        return look(last) ? last : null;
      },
      { withinMs },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${JSON.stringify(last)}`);
    });
  }

  /** Submits a `count` job. @returns its id */
  async count(steps: number, stepMs: number): Promise<string> {
    const { job } = await this.client.submit({ task: "count", input: { steps, stepMs } });
    return job.id;
  }

  /** Waits until the job runs and has a checkpoint, and its worker tells of a runner that lives. */
  async running(id: string): Promise<Job & { readonly worker: string }> {
    const job = await this.job(
      id,
      "runs with a checkpoint",
      (seen) => seen.state === "running" && seen.checkpoint !== null,
    );
    if (job.worker === null) throw new Error("it runs nowhere");
    // A worker tells of a runner that has ended until its next beat.
    await this.worker(
      job.worker,
      "with a runner",
      ({ pids }) => pids.runners.length > 0 && pids.runners.every(isAlive),
    );
    return { ...job, worker: job.worker };
  }

  async attempts(id: string): Promise<Attempt[]> {
    const attempts: Attempt[] = [];
    for await (const attempt of this.client.attempts(id)) attempts.push(attempt);
    return attempts.sort((a, b) => a.number - b.number);
  }

  /** Sends a signal to the named processes of a worker, each by its own id. */
  async signal(workerId: string, name: NodeJS.Signals, ...kinds: (keyof Worker["pids"])[]): Promise<number[]> {
    const { pids } = await this.worker(workerId);
    const chosen = kinds.length === 0 ? (["agent", "replicas", "keepers", "runners"] as const) : kinds;
    const targets = chosen.flatMap((kind) => pids[kind]);
    for (const pid of targets) send(pid, name);
    return targets;
  }

  /** Ends all API processes, with what they have in hand. */
  async stopApis(): Promise<void> {
    const apis = [...this.#children].filter(({ pid = 0 }) => this.#apiPids.includes(pid));
    await Promise.all(
      apis.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, "exit");
        child.kill("SIGTERM");
        await gone;
      }),
    );
    this.#apiPids = [];
    this.#clients = [];
  }

  async stop(): Promise<void> {
    // A serving process whose parent is killed answers on for a while.
    for (const pid of [...this.#pids, ...this.#apiPids.flatMap(familyOf)]) send(pid, "SIGKILL");
    await Promise.all(
      [...this.#children].map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      }),
    );
    await this.redis.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #fork(entry: string, settings: Settings, node?: PreloadedNode): Promise<Started> {
    const child = fork(join(DIST, entry), [], {
      ...(node === undefined ? {} : { execPath: node.execPath, execArgv: [...node.execArgv] }),
      env: {
        PATH: process.env["PATH"],
        CAIRN_REDIS_URL: this.redis.url,
        CAIRN_DATA: this.folder,
        ...batchNice(),
        CAIRN_LOG_LEVEL: process.env["CAIRN_TEST_LOG"] ?? "fatal",
        ...this.#settings,
        ...settings,
      },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#children.add(child);
    const ready = await new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      child.on("message", (message: { kind?: string }) => {
        if (message.kind === "ready") resolve(message);
      });
      child.once("exit", (code, signal) =>
        reject(new Error(`${entry} ended with ${signal ?? code} before it was ready`)),
      );
    });
    return { child, ready };
  }
}

function allPids({ pids }: Worker): number[] {
  return [pids.agent, ...pids.replicas, ...pids.keepers, ...pids.runners];
}

function isAlive(pid: number): boolean {
  return identify(pid) !== null;
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

/** The digest of a `count` job that nothing disturbed, worked out here. */
export function countDigest(steps: number): string {
  let digest = "";
  for (let step = 1; step <= steps; step += 1) digest = createHash("sha256").update(`${digest}:${step}`).digest("hex");
  return digest;
}
