/**
 * Arrays of jobs: one submission, up to 10,000 elements.
 *
 * AR1 An array that was taken on is made in full (`array-filler.ts`), and the same Idempotency-Key gets the same array.
 * AR2 Elements are made, and ordered about, a few at a time: Redis serves others in between.
 * AR3 The whole is never walked to be shown: counts are ranges of the indexes, and only what runs is read.
 */
import { createHash } from "node:crypto";
import { ulid } from "ulid";
import type { ArraySpec, JobArray } from "../contract/array.ts";
import type { Job } from "../contract/job.ts";
import type { Json } from "../contract/json.ts";
import { arrayIdFrom, elementIndex, elementRange } from "../domain/array-element.ts";
import { TIME_PARTS } from "../domain/goodput.ts";
import { FINAL_STATES, JOB_STATES, type JobState } from "../domain/job-state.ts";
import type { Limits } from "../domain/limits.ts";
import { RedisFault, reading, writing } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import type { ScriptWriter } from "../redis/script-writer.ts";
import type { ArrayFiller } from "./array-filler.ts";
import { jobFields } from "./job-fields.ts";
import type { ControlVerb, JobWriter, NewJob } from "./jobs.ts";
import type { BatchScripts } from "./scripts.ts";
import { timeSpentBy, toGoodput } from "./time-spent.ts";

/** Elements ordered about side by side (AR2). */
const AT_A_TIME = 16;
const UNSUCCESSFUL_TOLD = 100;
/** Running elements whose progress is read. */
const RUNNING_READ = 250;

export interface NewArray extends Omit<NewJob, "inputText"> {
  readonly spec: ArraySpec;
}

export type ArrayOutcome =
  | { readonly kind: "created" | "replayed"; readonly array: JobArray }
  | { readonly kind: "key_reused"; readonly id: string }
  | { readonly kind: "unknown_dependency"; readonly index: number };

/** Orders for a whole array, and the elements that they are for. */
export const ARRAY_VERBS = {
  stop: ["scheduled", "blocked", "queued", "running"],
  resume: ["stopped"],
  cancel: ["scheduled", "blocked", "queued", "running", "stopping", "stopped"],
  retry: ["failed", "expired", "cancelled"],
} as const satisfies Partial<Record<ControlVerb, readonly JobState[]>>;
export type ArrayVerb = keyof typeof ARRAY_VERBS;

export interface ArrayDeskOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  /** What callers ask for, as durable as is wanted. */
  readonly writer: ScriptWriter;
  readonly filler: ArrayFiller;
  readonly limits: Limits;
  readonly redisNowMs: () => number;
  readonly writeWithinMs: number;
}

export class ArrayDesk {
  readonly #options: ArrayDeskOptions;

  constructor(options: ArrayDeskOptions) {
    this.#options = options;
  }

  /**
   * Takes an array on and makes its elements. The inputs were checked.
   * @throws RedisFault; with kind `unknown` its `job` is the id to look up. What was taken on goes on by itself (AR1).
   */
  async submit(request: NewArray): Promise<ArrayOutcome> {
    const { writer, keys, scripts, limits, redisNowMs, writeWithinMs } = this.#options;
    const { submit, spec, idempotency } = request;
    const id = arrayIdFrom(ulid().toLowerCase());
    const idempotencyKey =
      idempotency === null ? keys.root : keys.idempotency(createHash("sha256").update(idempotency.key).digest("hex"));
    const reply = await this.#named(id, () =>
      writer.run(
        scripts["array-begin"],
        [keys.root, idempotencyKey],
        [
          ...[id, Math.ceil(redisNowMs() + writeWithinMs), idempotency?.fingerprint ?? "", limits.idempotencyKeyTtlMs],
          ...[submit.dependsOn.length === 0 ? "" : JSON.stringify(submit.dependsOn)],
          ...["task", submit.task, "count", "inputs" in spec ? spec.inputs.length : spec.count],
          ...("inputs" in spec ? ["inputs", JSON.stringify(spec.inputs)] : ["input", JSON.stringify(submit.input)]),
          ...["fields", JSON.stringify(jobFields(request))],
          ...[
            "runAt",
            submit.runAt === undefined ? "" : Date.parse(submit.runAt),
            "deadlineMs",
            submit.deadlineMs ?? "",
          ],
        ],
      ),
    );
    const [kind, rest] = Array.isArray(reply) ? reply : [reply];
    switch (kind) {
      case "begun":
      case "replayed": {
        const known = kind === "begun" ? id : String(rest);
        await this.#named(known, () => this.#options.filler.fill(known));
        const array = await this.get(known);
        if (array === null) throw new Error(`array ${known} vanished between a script and a read`);
        return { kind: kind === "begun" ? "created" : "replayed", array };
      }
      case "key_reused":
        return { kind: "key_reused", id: String(rest) };
      case "unknown_dependency":
        return { kind: "unknown_dependency", index: Number(rest) };
      default:
        throw new RedisFault("unavailable", new Error("the write reached Redis too late and was refused there"));
    }
  }

  /** @throws RedisFault */
  async get(id: string): Promise<JobArray | null> {
    const { redis, keys } = this.#options;
    const names = ["task", "count", "created", "input", "fields", "createdAt", "attempts", "losses"] as const;
    const read = [...names, ...Object.keys(TIME_PARTS).map((part) => `spent_${part}`)];
    const stored = await reading(() => redis.hmget(keys.array(id), ...read));
    const known: Record<string, string> = {};
    for (const [at, name] of read.entries()) if (typeof stored[at] === "string") known[name] = stored[at];
    const { task, count, created, input, fields, createdAt, attempts, losses } = known;
    if (task === undefined || count === undefined) return null;
    const states = await this.#countByState(id);
    const list = JSON.parse(fields ?? "[]") as string[];
    const field = (name: string): string => list[list.indexOf(name) + 1] ?? "";
    const total = Number(count);
    const ended = FINAL_STATES.reduce((sum, state) => sum + states[state], 0);
    const running = await this.#runningFractions(id, states.running);
    return {
      id,
      task,
      count: total,
      created: Number(created),
      state: states.succeeded === total ? "succeeded" : ended === total ? "failed" : "active",
      states,
      progress: {
        completed: states.succeeded + running,
        total,
        unit: "elements",
        fraction: Math.min(1, (states.succeeded + running) / total),
        ratePerSecond: null,
        etaMs: null,
      },
      unsuccessful: await this.#unsuccessful(id),
      goodput: toGoodput(timeSpentBy(known)),
      attempts: Number(attempts ?? 0),
      losses: Number(losses ?? 0),
      input: JSON.parse(input ?? "null") as Json,
      priority: Number(field("priority")),
      pool: field("pool"),
      labels: JSON.parse(field("labels") || "{}") as Job["labels"],
      dependsOn: JSON.parse(field("dependsOn") || "[]") as Job["dependsOn"],
      createdAt: new Date(Number(createdAt)).toISOString(),
    };
  }

  /** Newest first. @returns the arrays, and the last id when there may be more @throws RedisFault */
  async list(
    before: string | null,
    limit: number,
  ): Promise<{ readonly items: JobArray[]; readonly next: string | null }> {
    const { redis, keys } = this.#options;
    const max = before === null ? "+" : `(${before}`;
    const ids = await reading(() => redis.zrange(keys.arrays, max, "-", "BYLEX", "REV", "LIMIT", 0, limit));
    const arrays = await Promise.all(ids.map((id) => this.get(id)));
    return {
      items: arrays.filter((array) => array !== null),
      next: ids.length === limit ? (ids.at(-1) ?? null) : null,
    };
  }

  /**
   * Gives an order to every element it is for. Asked again it finishes what was left.
   * @returns how many took it; null when there is no such array
   * @throws RedisFault
   */
  async control(writer: JobWriter, id: string, verb: ArrayVerb, by: string): Promise<number | null> {
    const { redis, keys } = this.#options;
    if ((await reading(() => redis.exists(keys.array(id)))) === 0) return null;
    await this.#named(id, () => this.#options.filler.fill(id));
    const { after, upTo } = elementRange(id);
    let changed = 0;
    for (const state of ARRAY_VERBS[verb]) {
      let last = after;
      for (;;) {
        const range = [`(${last}`, `[${upTo}`, "BYLEX", "LIMIT", 0, AT_A_TIME] as const;
        const ids = await reading(() => redis.zrange(keys.index(`s=${state}`), ...range));
        const outcomes = await Promise.all(ids.map((element) => writer.order(element, verb, by)));
        changed += outcomes.filter((outcome) => outcome === "accepted").length;
        last = ids.at(-1) ?? last;
        if (ids.length < AT_A_TIME) break;
      }
    }
    return changed;
  }

  async #countByState(id: string): Promise<Record<JobState, number>> {
    const { redis, keys } = this.#options;
    const { after, upTo } = elementRange(id);
    const states = Object.keys(JOB_STATES) as JobState[];
    const counts = await reading(() =>
      Promise.all(states.map((state) => redis.zlexcount(keys.index(`s=${state}`), `(${after}`, `[${upTo}`))),
    );
    return Object.fromEntries(states.map((state, at) => [state, counts[at] ?? 0])) as Record<JobState, number>;
  }

  /** AR3: the sum of what running elements have done, in elements. */
  async #runningFractions(id: string, running: number): Promise<number> {
    if (running === 0) return 0;
    const { redis, keys } = this.#options;
    const ids = await this.#elementsIn("running", id, RUNNING_READ);
    const stored = await reading(() => Promise.all(ids.map((element) => redis.hget(keys.job(element), "progress"))));
    return stored.reduce((sum, text) => {
      const progress = JSON.parse(text === null || text === "" ? "null" : text) as Job["progress"];
      const total = progress?.total ?? 0;
      return sum + (progress === null || total <= 0 ? 0 : Math.min(1, progress.completed / total));
    }, 0);
  }

  async #unsuccessful(id: string): Promise<number[]> {
    const states = ["failed", "expired", "cancelled"] as const;
    const lists = await Promise.all(states.map((state) => this.#elementsIn(state, id, UNSUCCESSFUL_TOLD)));
    return lists
      .flat()
      .map(elementIndex)
      .sort((a, b) => a - b)
      .slice(0, UNSUCCESSFUL_TOLD);
  }

  async #elementsIn(state: JobState, id: string, atMost: number): Promise<string[]> {
    const { redis, keys } = this.#options;
    const { after, upTo } = elementRange(id);
    return reading(() => redis.zrange(keys.index(`s=${state}`), `(${after}`, `[${upTo}`, "BYLEX", "LIMIT", 0, atMost));
  }

  async #named<T>(id: string, operation: () => Promise<T>): Promise<T> {
    try {
      return await writing(operation);
    } catch (error) {
      if (error instanceof RedisFault) error.job = id;
      throw error;
    }
  }
}
