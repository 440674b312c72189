/**
 * What a busy fleet is given: single jobs, some that fail now and then, arrays, graphs and programs; and orders to
 * them through one API process after the other: checkpoint, stop and resume, migrate, fork, retry, cancel.
 *
 * ML1 Of every job it is known what has to come of it; an order whose outcome is not known counts as given.
 * ML2 What Redis acknowledged may be gone when a fault takes its memory (append-only file, once a second): nothing is
 *     submitted or ordered meanwhile, so that everything that is missing at the end is a fault.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { CairnClient } from "../../../src/client/client.ts";
import { CairnProblem, mayPass } from "../../../src/client/fault.ts";
import type { Job, SubmitRequest } from "../../../src/contract/job.ts";
import { countDigest } from "../fleet.ts";

/** A job, and what has to come of it. */
export interface Tracked {
  readonly id: string;
  readonly kind: "count" | "program";
  readonly steps: number;
  /** The checkpoint of another job that it began with, if it is a fork. */
  readonly forkedFrom: number | null;
  /** `retry` was ordered so often, at most. */
  rounds: number;
  cancelled: boolean;
}

const PROGRAMS = ["by-signal", "by-stop-file", "periodic"] as const;
const ORDERS = ["checkpoint", "stop", "stop", "migrate", "fork", "retry", "cancel"] as const;
const AGAIN_MS = 50;
/** Most jobs that are under way, so that none waits for long. */
const AT_ONCE = 10;

export interface MixedLoadOptions {
  /** Those that live. */
  readonly clients: () => readonly CairnClient[];
  readonly random: () => number;
  readonly say: (line: string) => void;
  readonly programs: "programs" | "none";
}

export class MixedLoad {
  readonly #options: MixedLoadOptions;
  readonly tracked: Tracked[] = [];
  readonly #stopped = new Set<string>();
  /** Orders that were refused although they should not be, and answers that make no sense. */
  readonly surprises: string[] = [];
  orders = 0;
  #submissions = 0;
  #closed = false;
  #holds = 0;
  #busy = 0;

  constructor(options: MixedLoadOptions) {
    this.#options = options;
  }

  /** Goes on until `close`. */
  async run(): Promise<void> {
    await Promise.all([this.#submit(), this.#order()]);
  }

  close(): void {
    this.#closed = true;
  }

  /** ML2 @returns lets it go on */
  async hold(): Promise<() => void> {
    this.#holds += 1;
    while (this.#busy > 0) await delay(10);
    return () => {
      this.#holds -= 1;
    };
  }

  /** Lets go on what was stopped, and sees that it does. */
  async resumeAll(): Promise<void> {
    for (const id of this.#stopped) {
      for (;;) {
        const job = await this.#insist((client) => client.job(id));
        if (job?.state !== "stopping" && job?.state !== "stopped") break;
        await this.#ask((client) => client.resume(id));
        await delay(AGAIN_MS);
      }
    }
  }

  async #submit(): Promise<void> {
    while (!this.#closed) {
      const open = await this.#turn(() => this.#underWay());
      if (open !== null && open < AT_ONCE) await this.#turn(() => this.#submitSome());
      await delay(200);
    }
  }

  async #order(): Promise<void> {
    const resumeAt = new Map<string, number>();
    while (!this.#closed) {
      await delay(this.#between(200, 1_200));
      for (const [id, due] of resumeAt) {
        if (due > performance.now()) continue;
        resumeAt.delete(id);
        await this.#turn(() => this.#give(id, "resume"));
      }
      const job = this.#pick(this.tracked.filter(({ cancelled }) => !cancelled));
      const verb = this.#pick(ORDERS);
      if (job === null || verb === null) continue;
      await this.#turn(() => this.#orderOne(job, verb));
      if (this.#stopped.has(job.id)) resumeAt.set(job.id, performance.now() + this.#between(200, 4_000));
    }
  }

  async #orderOne(job: Tracked, verb: (typeof ORDERS)[number]): Promise<void> {
    switch (verb) {
      case "fork": {
        const fork = await this.#ask((client) => client.fork(job.id));
        if (fork !== null) this.#track(fork, job.kind, job.steps, fork.checkpoint?.seq ?? null);
        return;
      }
      case "retry":
        job.rounds += 1;
        await this.#give(job.id, this.#options.random() < 0.5 ? "retry" : "retry from start");
        return;
      case "cancel":
        if (this.#options.random() < 0.7) return;
        job.cancelled = true;
        await this.#give(job.id, "cancel");
        return;
      case "stop":
        this.#stopped.add(job.id);
        await this.#give(job.id, "stop");
        return;
      case "checkpoint":
      case "migrate":
        await this.#give(job.id, verb);
    }
  }

  async #give(
    id: string,
    verb: "checkpoint" | "stop" | "resume" | "migrate" | "cancel" | "retry" | "retry from start",
  ): Promise<void> {
    this.orders += 1;
    await this.#ask(async (client) => {
      if (verb === "retry from start") await client.retry(id, { from: "start" });
      else await client.control(id, verb);
    });
  }

  async #underWay(): Promise<number | null> {
    const page = await this.#ask((client) =>
      client.jobPage({ state: ["queued", "scheduled", "blocked", "running", "stopping"] }, { limit: AT_ONCE }),
    );
    return page?.items.length ?? null;
  }

  async #submitSome(): Promise<void> {
    const kind = this.#pick(["single", "single", "flaky", "array", "graph", "program"] as const);
    const steps = Math.round(this.#between(50, 250));
    const input = { steps, stepMs: Math.round(this.#between(10, 40)), stateBytes: 20_000 };
    const count = { task: "count", checkpoint: { intervalMs: 500 }, maxRetries: 100 };
    switch (kind) {
      case "single":
        await this.#one({ ...count, input }, "count", steps);
        return;
      case "flaky":
        await this.#one({ ...count, input: { ...input, failRate: 1 / steps } }, "count", steps);
        return;
      case "array": {
        const idempotencyKey = this.#key();
        const array = await this.#insist((client) =>
          client.arrays.submit({ ...count, input }, { count: 4 }, { idempotencyKey }),
        );
        if (array === null) return;
        const elements = await this.#insist(async (client) => {
          const page = await client.jobPage({ array: array.id }, { limit: 10 });
          return page.items.length === 4 ? page.items : null;
        });
        for (const element of elements ?? []) this.#track(element, "count", steps, null);
        return;
      }
      case "graph": {
        const first = await this.#one({ ...count, input }, "count", steps);
        const second = await this.#one({ ...count, input }, "count", steps);
        if (first === null || second === null) return;
        const dependsOn = [first, second].map((job) => ({ job, onFailure: "run" as const }));
        await this.#one({ ...count, input, dependsOn }, "count", steps);
        return;
      }
      case "program": {
        const task = this.#pick(PROGRAMS);
        if (task === null || this.#options.programs === "none") return;
        await this.#one({ task, maxRetries: 100, input: { steps, stepMs: input.stepMs } }, "program", steps);
        return;
      }
      case null:
    }
  }

  /** @returns its id */
  async #one(request: SubmitRequest, kind: Tracked["kind"], steps: number): Promise<string | null> {
    const idempotencyKey = this.#key();
    const taken = await this.#insist((client) => client.submit(request, { idempotencyKey }));
    if (taken === null) return null;
    this.#track(taken.job, kind, steps, null);
    return taken.job.id;
  }

  #track({ id }: Pick<Job, "id">, kind: Tracked["kind"], steps: number, forkedFrom: number | null): void {
    this.tracked.push({ id, kind, steps, forkedFrom, rounds: 0, cancelled: false });
  }

  #key(): string {
    this.#submissions += 1;
    return `mixed-${this.#submissions}`;
  }

  /** ML2: not while it is held. */
  async #turn<T>(work: () => Promise<T>): Promise<T | null> {
    while (this.#holds > 0) {
      if (this.#closed) return null;
      await delay(20);
    }
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
    }
  }

  /** Until it is answered, by whichever API lives. */
  async #insist<T>(call: (client: CairnClient) => Promise<T | null>): Promise<T | null> {
    for (let turn = 0; turn < 2_000; turn += 1) {
      const result = await this.#ask(call);
      if (result !== null) return result;
      await delay(AGAIN_MS);
    }
    this.surprises.push("a call was never answered");
    return null;
  }

  /** Once. @returns null when it was refused, or nobody answered */
  async #ask<T>(call: (client: CairnClient) => Promise<T>): Promise<T | null> {
    const client = this.#pick(this.#options.clients());
    if (client === null) return null;
    try {
      return await call(client);
    } catch (error) {
      // Not in this state, or its checkpoints are gone: who gives orders at random is told so.
      const fair = error instanceof CairnProblem && (error.status === 409 || error.status === 422);
      if (!fair && !mayPass(error)) this.surprises.push(String(error));
      return null;
    }
  }

  #between(low: number, high: number): number {
    return low + this.#options.random() * (high - low);
  }

  #pick<T>(items: readonly T[]): T | null {
    return items[Math.floor(this.#options.random() * items.length)] ?? null;
  }
}

/** Is this the result of an undisturbed run? */
export async function isRight(client: CairnClient, job: Job, { kind, steps }: Tracked): Promise<boolean> {
  if (kind === "count") return (job.output as { digest?: unknown } | null)?.digest === countDigest(steps);
  const artifact = await client.artifact(job.id, "final.txt").catch(() => null);
  return artifact !== null && Buffer.from(artifact).toString("utf8") === countDigest(steps);
}
