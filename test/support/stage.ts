/**
 * Where an online scenario plays: Redis, API processes and workers, each a process of its own, and load on them.
 *
 *   export const killReplica = onStage({
 *     name: "kill-replica",
 *     title: "a replica is killed with SIGKILL",
 *     stage: { workers: 3 },
 *     play: async (stage) => {
 *       const load = await stage.load({ perSecond: 500, seconds: stage.seconds(60, 10), events: [ … ] });
 *       return { measured: load.measured(), expectations: [countAtMost("failed", load.failed, 0)] };
 *     },
 *   });
 *
 * The load asks for `work` of `work-tasks.mjs`: a handler of 50 ms that waits, in slots of which there are plenty, so
 * that what is measured is Cairn and not how many cores there are.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Fleet } from "./fleet.ts";
import { HttpCaller, post, type Reply } from "./http-caller.ts";
import { readJournal, type Executions } from "./journal.ts";
import { ANSWERED, type Latency } from "./latency-record.ts";
import { endingOf, openLoop, type OpenLoopOptions, type OpenLoopResult } from "./open-loop.ts";
import type { TestRedis } from "./redis.ts";
import type { Finding, RunOptions, Scenario } from "./scenario.ts";

const ROOT = import.meta.url.includes("/dist/test/") ? "../../../" : "../../";
const TASKS = fileURLToPath(new URL(`${ROOT}test/support/work-tasks.mjs`, import.meta.url));

export interface StageOptions {
  /** Each with one replica of 16 slots; default 3. */
  readonly workers?: number;
  /** Default 1. */
  readonly apis?: number;
  /** `CAIRN_*` for all processes. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly redis?: () => Promise<TestRedis>;
}

export interface WorkLoad extends Pick<OpenLoopOptions, "perSecond" | "seconds" | "while" | "events"> {
  /** Default: all API processes in turn. */
  readonly caller?: HttpCaller;
  /** Default `work`, which may run twice; `work-once` may not. */
  readonly task?: "work" | "work-once";
  /** How long a handler takes, ms; default 50. */
  readonly ms?: number;
  readonly fail?: boolean;
  /** Headers of each request. */
  readonly headers?: Readonly<Record<string, string>>;
}

export class WorkResult {
  readonly load: OpenLoopResult;
  readonly executions: Executions;

  constructor(load: OpenLoopResult, executions: Executions) {
    this.load = load;
    this.executions = executions;
  }

  get failed(): number {
    return this.load.failed;
  }

  /** Of the answered requests that were due in these seconds. */
  latency(fromSecond?: number, toSecond?: number): Latency {
    return this.load.record.latency(ANSWERED, fromSecond, toSecond);
  }

  /** Executions beyond one for each request, as a share of the requests. */
  get extraShare(): number {
    return this.executions.extra / Math.max(1, this.executions.requests);
  }

  /** What every scenario tells. */
  measured(): Record<string, number | string> {
    const { sent, answered, failures, lateMs } = this.load;
    const { p50, p90, p99, p999, max } = this.latency();
    return {
      sent,
      answered,
      failures: Object.keys(failures).length === 0 ? "none" : JSON.stringify(failures),
      "latency p50 / p90 / p99 / p99.9 / max, ms": [p50, p90, p99, p999, max].map((ms) => ms.toFixed(1)).join(" / "),
      "executions / extra / ended twice": `${this.executions.began} / ${this.executions.extra} / ${this.executions.endedTwice}`,
      "load generator late by at most, ms": Math.round(lateMs),
    };
  }
}

export class Stage {
  readonly fleet: Fleet;
  readonly short: boolean;
  readonly say: (line: string) => void;
  readonly caller: HttpCaller;
  readonly #repeat: number | null;
  readonly #callers: HttpCaller[] = [];
  #loads = 0;

  private constructor(fleet: Fleet, { short, repeat, say }: RunOptions) {
    this.fleet = fleet;
    this.short = short;
    this.#repeat = repeat;
    this.say = say;
    this.caller = this.callerOf(...fleet.clients.map(({ url }) => Number(new URL(url).port)));
  }

  static async open(options: StageOptions, run: RunOptions): Promise<Stage> {
    const { workers = 3, apis = 1, settings = {} } = options;
    const redis = await options.redis?.();
    const fleet = await Fleet.start({
      workers,
      settings: { CAIRN_TASKS: TASKS, CAIRN_BATCH_SLOTS: "0", ...settings },
      ...(redis === undefined ? {} : { redis }),
    });
    try {
      for (let n = 1; n < apis; n += 1) await fleet.addApi();
      const stage = new Stage(fleet, run);
      for (let n = 1; n <= workers; n += 1) await fleet.worker(`w${n}`);
      await stage.load({ perSecond: 100, seconds: 2 }); // Warm: code is compiled, connections stand, latencies are known.
      return stage;
    } catch (error) {
      await fleet.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const caller of this.#callers) caller.close();
    await this.fleet.stop();
  }

  /** How long something takes in the long and in the short form. */
  seconds(long: number, short: number): number {
    return this.short ? short : long;
  }

  /** How often something is repeated in the long and in the short form, unless the command line says it. */
  times(long: number, short: number): number {
    return this.#repeat ?? (this.short ? short : long);
  }

  /** A client of its own, of these ports. */
  callerOf(...ports: readonly number[]): HttpCaller {
    const caller = new HttpCaller(...ports);
    this.#callers.push(caller);
    return caller;
  }

  /** `work` at fixed times; an answer that is another request's is a failure. */
  async load(options: WorkLoad): Promise<WorkResult> {
    const { task = "work", ms = 50, fail = false, headers = {}, caller = this.caller, ...rest } = options;
    this.#loads += 1;
    const journal = join(this.fleet.folder, `journal-${this.#loads}`);
    mkdirSync(journal);
    const path = `/v1/tasks/${task}/invoke`;
    const load = await openLoop({
      ...rest,
      caller,
      request: (n) => post(path, JSON.stringify({ n, ms, journal, fail }), headers),
      ending: (reply, n) => endingOfWork(reply, n),
    });
    const executions = readJournal(journal);
    rmSync(journal, { recursive: true, force: true });
    return new WorkResult(load, executions);
  }

  /** Waits; the load that plays meanwhile is what it is about. */
  pause(seconds: number): Promise<void> {
    return delay(seconds * 1_000);
  }

  /** From now on `work` takes so many times as long in this process; 1: as before. */
  slowDown(pid: number, factor: number): void {
    writeFileSync(join(this.fleet.folder, `slow-${pid}`), String(factor));
  }

  /** The replica of a worker. */
  async replicaOf(workerId: string): Promise<number> {
    const { pids } = await this.fleet.worker(workerId, "with a replica", (worker) => worker.pids.replicas.length > 0);
    return pids.replicas[0] ?? 0;
  }
}

function endingOfWork(reply: Reply, n: number): string {
  const ending = endingOf(reply);
  if (ending !== ANSWERED || reply.kind === "broken") return ending;
  return reply.body.toString() === `{"n":${n}}` ? ANSWERED : "the answer of another request";
}

/** A scenario that plays on a stage of its own. */
export function onStage(scenario: {
  readonly name: string;
  readonly title: string;
  readonly stage?: StageOptions;
  readonly play: (stage: Stage) => Promise<Finding>;
}): Scenario {
  const { name, title, play } = scenario;
  return {
    name,
    title,
    run: async (options) => {
      const stage = await Stage.open(scenario.stage ?? {}, options);
      try {
        return await play(stage);
      } finally {
        await stage.close();
      }
    },
  };
}
