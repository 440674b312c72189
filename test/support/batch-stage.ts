/**
 * Where a batch scenario plays: Redis, an API and workers, each a process of its own; jobs whose right result is
 * known; troubles at random times; and an audit at the end.
 *
 * BS1 Random times come from a seed, which is told: the same seed makes the same plan again.
 * BS2 The audit knows each job's result from elsewhere: a digest that differs means a step that was lost, done twice,
 *     or done on a state that was not the job's.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CairnClient } from "../../src/client/client.ts";
import { CairnProblem, CairnUnreachable } from "../../src/client/fault.ts";
import type { Attempt, Job } from "../../src/contract/job.ts";
import { isFinal } from "../../src/domain/job-state.ts";
import { countDigest, Fleet, type FleetOptions } from "./fleet.ts";
import { countAtMost, type Expectation, type Finding, type RunOptions, type Scenario } from "./scenario.ts";
import { seeded } from "./seeded.ts";
import { untilEnded } from "./until-ended.ts";

const RESPAWN_MS = 500;
/** Pause before a trouble that found nothing is tried again, ms. */
const NOBODY_THERE_MS = 100;

export interface BatchStageOptions extends Omit<FleetOptions, "redis"> {
  readonly redis?: () => Promise<NonNullable<FleetOptions["redis"]>>;
}

/** What the audit found. */
export interface Audit {
  readonly jobs: readonly Job[];
  readonly attempts: readonly Attempt[];
  /** Jobs that did not succeed. */
  readonly lost: number;
  /** Jobs whose digest is not that of an undisturbed run. */
  readonly wrong: number;
  /** Jobs with more than one successful attempt, or more than one outcome in the store. */
  readonly double: number;
  /** Attempts that began at a checkpoint which was never committed, or was set aside by then. */
  readonly badResumes: number;
  readonly staleWritesRefused: number;
}

export class BatchStage {
  readonly fleet: Fleet;
  readonly short: boolean;
  readonly say: (line: string) => void;
  readonly random: () => number;
  readonly #steps = new Map<string, number>();
  readonly #respawning = new Map<string, Promise<unknown>>();
  #troubles = 0;
  #spawned = 0;

  private constructor(fleet: Fleet, { short, say }: RunOptions) {
    this.fleet = fleet;
    this.short = short;
    this.say = say;
    const seed = Number(process.env["CHAOS_SEED"] ?? Date.now() % 1_000_000);
    say(`CHAOS_SEED=${seed}`);
    this.random = seeded(seed);
  }

  static async open(options: BatchStageOptions, run: RunOptions): Promise<BatchStage> {
    const { settings = {}, redis, workers = 3 } = options;
    const server = await redis?.();
    const fleet = await Fleet.start({
      workers,
      settings: { CAIRN_ONLINE_SLOTS: "0", ...settings },
      ...(server === undefined ? {} : { redis: server }),
    });
    return new BatchStage(fleet, run);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#respawning.values());
    await this.fleet.stop();
  }

  /** In the long and in the short form. */
  amount(long: number, short: number): number {
    return this.short ? short : long;
  }

  get troubles(): number {
    return this.#troubles;
  }

  /** A number between the two. */
  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  /** One of these. */
  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random() * items.length)];
    if (item === undefined) throw new Error("there is nothing to pick from");
    return item;
  }

  /**
   * Submits `count` jobs, each with a key of its own and again until it is known that it was taken.
   * @param client whom to ask, this time
   */
  async count(
    jobs: number,
    input: { steps: number; stepMs: number; stateBytes?: number },
    client: () => CairnClient = () => this.fleet.client,
  ): Promise<string[]> {
    const ids: string[] = [];
    for (let n = 0; n < jobs; n += 1) {
      const idempotencyKey = `chaos-${this.#steps.size}-${n}`;
      for (;;) {
        try {
          const { job } = await client().submit(
            { task: "count", input, checkpoint: { intervalMs: 500 } },
            { idempotencyKey },
          );
          ids.push(job.id);
          this.#steps.set(job.id, input.steps);
          break;
        } catch (error) {
          const passing = error instanceof CairnUnreachable || (error instanceof CairnProblem && error.status === 503);
          if (!passing) throw error;
          await delay(50);
        }
      }
    }
    return ids;
  }

  /**
   * Troubles one after the other, with random pauses of `meanMs` in between, for `seconds`.
   * @param strike gives null when there is nothing to strike at: it is tried again soon
   */
  async trouble(seconds: number, meanMs: number, strike: () => Promise<string | null>): Promise<void> {
    const endMs = performance.now() + seconds * 1_000;
    for (;;) {
      const pauseMs = -Math.log(1 - this.random()) * meanMs;
      if (performance.now() + pauseMs > endMs) return;
      await delay(pauseMs);
      let did = await strike();
      while (did === null && performance.now() < endMs) {
        await delay(NOBODY_THERE_MS);
        did = await strike();
      }
      if (did === null) return;
      this.#troubles += 1;
      this.say(did);
    }
  }

  /** A worker that is up and no trouble is under way for; null when there is none. */
  async anyWorker(): Promise<string | null> {
    const ids: string[] = [];
    for await (const { id, state } of this.fleet.client.workers()) {
      if (state === "ready" && !this.#respawning.has(id)) ids.push(id);
    }
    return ids.length === 0 ? null : this.pick(ids);
  }

  /** Puts a new worker in the place of this one, after a moment: a machine that is started anew. */
  respawn(id: string): void {
    this.#respawning.set(
      id,
      this.replace(id).finally(() => this.#respawning.delete(id)),
    );
  }

  /** The same, and waits for it. @returns its name */
  async replace(id: string): Promise<string> {
    await delay(RESPAWN_MS);
    this.#spawned += 1;
    const name = `${id.split(".")[0] ?? id}.${this.#spawned}`;
    await this.fleet.addWorker(name);
    return name;
  }

  /** Waits until every job has come to its end, and looks at what became of it (BS2). */
  async audit(ids: readonly string[]): Promise<Audit> {
    const jobs: Job[] = [];
    for (const id of ids) jobs.push(await untilEnded(this.fleet.client, id));
    const attempts: Attempt[] = [];
    let double = 0;
    let badResumes = 0;
    for (const { id } of jobs) {
      const own = await this.fleet.attempts(id);
      attempts.push(...own);
      const successes = own.filter(({ outcome }) => outcome === "succeeded").length;
      if (successes > 1 || this.#outcomes(id) > 1) double += 1;
      const committed = await this.#committed(id);
      badResumes += own.filter(
        ({ fromCheckpoint }) => fromCheckpoint !== null && !committed.has(fromCheckpoint),
      ).length;
    }
    const digestOf = ({ output }: Job): unknown => (output as { digest?: unknown } | null)?.digest;
    return {
      jobs,
      attempts,
      lost: jobs.filter(({ state }) => state !== "succeeded").length,
      wrong: jobs.filter((job) => digestOf(job) !== countDigest(this.#steps.get(job.id) ?? 0)).length,
      double,
      badResumes,
      staleWritesRefused: jobs.reduce((sum, job) => sum + job.staleWritesRefused, 0),
    };
  }

  #outcomes(id: string): number {
    const folder = join(this.fleet.storeFolder, "jobs", id);
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith("OUTCOME")).length : 0;
  }

  /** Checkpoints of which the job's history says that they were committed. */
  async #committed(id: string): Promise<ReadonlySet<number>> {
    const seqs = new Set<number>();
    for await (const { type, data, state } of this.fleet.client.events(id)) {
      if (type === "checkpoint") seqs.add(Number(data["seq"]));
      if (isFinal(state)) break;
    }
    return seqs;
  }
}

/** What holds after every scenario, whatever was done. */
export function nothingWrong(audit: Audit): Expectation[] {
  return [
    countAtMost("jobs lost", audit.lost, 0),
    countAtMost("results that differ from an undisturbed run", audit.wrong, 0),
    countAtMost("double outcomes", audit.double, 0),
    countAtMost("resumes from a checkpoint that was not committed", audit.badResumes, 0),
  ];
}

/** What every scenario tells. */
export function told(stage: BatchStage, audit: Audit): Record<string, number | string> {
  const outcomes = new Map<string, number>();
  for (const { outcome } of audit.attempts) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  return {
    troubles: stage.troubles,
    jobs: audit.jobs.length,
    attempts: [...outcomes].map(([outcome, n]) => `${n} ${outcome}`).join(", "),
    "stale writes refused": audit.staleWritesRefused,
  };
}

/** A scenario that plays on a stage of its own. */
export function onBatchStage(scenario: {
  readonly name: string;
  readonly title: string;
  readonly stage?: BatchStageOptions;
  readonly play: (stage: BatchStage) => Promise<Finding>;
}): Scenario {
  const { name, title, play } = scenario;
  return {
    name,
    title,
    run: async (options) => {
      const stage = await BatchStage.open(scenario.stage ?? {}, options);
      try {
        return await play(stage);
      } finally {
        await stage.close();
      }
    },
  };
}
