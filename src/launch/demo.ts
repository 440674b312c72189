/**
 * The proof, told as it happens: a weather simulation runs on workers that are killed and frozen, while forecasts are
 * asked for all the time. It holds when the simulation ends with the digest of an undisturbed run and no forecast
 * failed.
 *
 * DM1 The undisturbed run comes first, on the same machine with the same input: its digest is the yardstick.
 * DM2 Forecasts are sent at fixed times, whatever becomes of the earlier ones: a stall shows.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CairnClient } from "../client/client.ts";
import type { Job } from "../contract/job.ts";
import type { Worker } from "../contract/worker.ts";

/** Williamson's case 6, the Rossby–Haurwitz wave, for the 14 days of the literature; about twenty seconds of one core. */
const INPUT = { testCase: 6, resolution: 32, days: 14 } as const;
const FORECASTS_A_SECOND = 10;

interface Trouble {
  /** Share of the simulation that is done by then. */
  readonly at: number;
  readonly how: "SIGKILL" | "SIGSTOP";
}
const TROUBLES: readonly Trouble[] = [
  { at: 0.2, how: "SIGKILL" },
  { at: 0.45, how: "SIGSTOP" },
  { at: 0.7, how: "SIGKILL" },
];
const PATIENCE_MS = 150_000;

export interface DemoSettings {
  /** `start.mjs`, which is what `npm start` runs. */
  readonly start: string;
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** From now on the process is ended with us. */
  readonly watch: (pid: number) => void;
  readonly print: (line: string) => void;
}

interface Traffic {
  sent: number;
  answered: number;
  readonly failures: string[];
  slowestMs: number;
  stop(): Promise<void>;
}

/** Runs the demo. @returns the exit code: 0 when everything held */
export async function demo(settings: DemoSettings): Promise<number> {
  const began = performance.now();
  const print = (line: string): void => {
    settings.print(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
  };
  const system = await startSystem(settings);
  const { client } = system;
  let traffic: Traffic | null = null;
  try {
    print(`Everything is up at ${client.url}: an API, three workers, a private Redis.`);
    print(`A weather simulation, undisturbed: ${JSON.stringify(INPUT)} …`);
    const reference = await client.submitAndWait({ task: "weather", input: INPUT }, { timeoutMs: PATIENCE_MS });
    const expected = digestOf(reference);
    print(`  it took ${seconds(reference)} and ended with digest ${expected.slice(0, 16)}…`);

    const { job } = await client.submit({ task: "weather", input: INPUT });
    print(`The same again, with trouble. Meanwhile ${FORECASTS_A_SECOND} forecasts a second are asked for.`);
    await until(client, job.id, (seen) => seen.checkpoint !== null);
    traffic = sendForecasts(client, job.id);
    for (const trouble of TROUBLES) await strike(trouble, client, job.id, print);

    const ended = await client.wait(job.id, { timeoutMs: PATIENCE_MS });
    await traffic.stop();
    const digest = digestOf(ended);
    print(`  it ended ${ended.state} after ${ended.attempts} attempts, with digest ${digest.slice(0, 16)}…`);
    const same = digest === expected && digest !== "";
    const { sent, answered, failures, slowestMs } = traffic;
    print(
      `Forecasts: ${answered} of ${sent} answered, ${failures.length} failed, the slowest after ${Math.round(slowestMs)} ms.`,
    );
    for (const failure of new Set(failures)) print(`  ${failure}`);
    const held = same && failures.length === 0 && answered === sent && ended.attempts > TROUBLES.length;
    settings.print("");
    settings.print(
      held
        ? "HELD: the same result as if nothing had happened, and nobody who asked went without an answer."
        : `DID NOT HOLD: digests ${same ? "are equal" : "differ"}, ${failures.length} forecasts failed.`,
    );
    return held ? 0 : 1;
  } finally {
    await traffic?.stop();
    await system.stop();
  }
}

/** Takes away the worker that the job runs on, and sees the job continue on another one. */
async function strike(
  { at, how }: Trouble,
  client: CairnClient,
  job: string,
  print: (line: string) => void,
): Promise<void> {
  const before = await until(client, job, (seen) => fraction(seen) > at && seen.worker !== null);
  const worker = await client.worker(before.worker ?? "");
  const frozen = how === "SIGSTOP" ? ": frozen, not dead" : "";
  print(`  at ${percent(before)}: ${how} to all processes of ${worker.id}${frozen}`);
  signal(worker, how);
  const after = await until(client, job, (seen) => seen.attempts > before.attempts && seen.state === "running");
  const wakes = how === "SIGSTOP" ? "; the frozen one wakes up" : "";
  print(`  it continues on ${after.worker}, from the checkpoint at ${checkpointText(after)}${wakes}`);
  if (how === "SIGSTOP") signal(worker, "SIGCONT");
}

async function startSystem(settings: DemoSettings): Promise<{ readonly client: CairnClient; stop(): Promise<void> }> {
  const child: ChildProcess = spawn(process.execPath, [settings.start], {
    env: { ...settings.env, CAIRN_DATA: settings.dataDir, CAIRN_PORT: "0", CAIRN_REDIS_URL: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (child.pid !== undefined) settings.watch(child.pid);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  const patience = performance.now() + PATIENCE_MS;
  while (!said.includes("Cairn is up.")) {
    if (child.exitCode !== null || performance.now() > patience) {
      await stop();
      throw new Error(`the system did not start:\n${said}`);
    }
    await delay(100);
  }
  const { url } = JSON.parse(readFileSync(join(settings.dataDir, "run/api.json"), "utf8")) as { url: string };
  return { client: new CairnClient({ url, maxTries: 1 }), stop };
}

/** DM2 */
function sendForecasts(client: CairnClient, job: string): Traffic {
  const pending = new Set<Promise<void>>();
  const stopped = new AbortController();
  const ask = async (): Promise<void> => {
    traffic.sent += 1;
    const place = { latitude: -80 + ((traffic.sent * 37) % 160), longitude: (traffic.sent * 73) % 360 };
    const sentMs = performance.now();
    try {
      await client.invoke("forecast", { job, ...place });
      traffic.answered += 1;
      traffic.slowestMs = Math.max(traffic.slowestMs, performance.now() - sentMs);
    } catch (error) {
      traffic.failures.push(error instanceof Error ? error.message : String(error));
    }
  };
  const beginMs = performance.now();
  const sending = (async () => {
    for (let n = 0; !stopped.signal.aborted; n += 1) {
      await delay(Math.max(0, beginMs + (n * 1_000) / FORECASTS_A_SECOND - performance.now()));
      const asked: Promise<void> = ask().finally(() => pending.delete(asked));
      pending.add(asked);
    }
  })();
  const traffic: Traffic = {
    sent: 0,
    answered: 0,
    failures: [],
    slowestMs: 0,
    async stop() {
      stopped.abort();
      await sending;
      await Promise.all(pending);
    },
  };
  return traffic;
}

/** Follows a job until `look` is content. @throws Error when it ends before, or takes too long */
async function until(client: CairnClient, id: string, look: (job: Job) => boolean): Promise<Job> {
  const patience = performance.now() + PATIENCE_MS;
  for (;;) {
    const job = await client.job(id);
    if (look(job)) return job;
    if (job.finishedAt !== null) throw new Error(`the job ended ${job.state} too early: make it longer`);
    if (performance.now() > patience)
      throw new Error(`the job did not get on: it is ${job.state} (${job.reason ?? ""})`);
    await delay(50);
  }
}

function signal(worker: Worker, name: NodeJS.Signals): void {
  const { agent, replicas, keepers, runners } = worker.pids;
  for (const pid of [agent, ...replicas, ...keepers, ...runners]) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended.
    }
  }
}

const fraction = (job: Job): number => job.progress?.fraction ?? 0;
const percent = (job: Job): string => `${Math.round(fraction(job) * 100)}%`;
const seconds = (job: Job): string =>
  `${((Date.parse(job.finishedAt ?? "") - Date.parse(job.createdAt)) / 1_000).toFixed(1)} s`;
const checkpointText = (job: Job): string => `step ${job.checkpoint?.progress ?? 0} of ${job.progress?.total ?? "?"}`;

function digestOf(job: Job): string {
  const output = job.output;
  return typeof output === "object" && output !== null && !Array.isArray(output) && typeof output["digest"] === "string"
    ? output["digest"]
    : "";
}
