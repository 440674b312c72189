/**
 * Reading jobs: one, a page of them, and what belongs to one.
 */
import type { Artifact, Attempt, Checkpoint, Job } from "../contract/job.ts";
import type { JobState } from "../domain/job-state.ts";
import { reading } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { JobIndex, type JobFilter } from "./job-index.ts";
import { toArtifact, toAttempt, toCheckpoint, toJob, type RawJob } from "./record.ts";

export type JobPage =
  | { readonly kind: "page"; readonly items: readonly Job[]; readonly nextCursor: string | null }
  | { readonly kind: "bad_cursor" };

const CURSOR = /^j1\.([0-9a-hjkmnp-tv-z]{26})$/;

export class JobReader {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #index: JobIndex;
  readonly #redisNowMs: () => number;

  /** @param options.redisNowMs Redis' clock as it is known here, for times that go on */
  constructor(options: { readonly redis: RedisClient; readonly keys: Keys; readonly redisNowMs: () => number }) {
    this.#redisNowMs = options.redisNowMs;
    this.#redis = options.redis;
    this.#index = new JobIndex(options);
    this.#keys = options.keys;
  }

  /** @throws RedisFault */
  async get(id: string): Promise<Job | null> {
    const raw = await this.raw(id);
    return raw === null ? null : toJob(raw, this.#redisNowMs());
  }

  /** The job that a script has just confirmed. @throws RedisFault, Error when it is gone */
  async require(id: string): Promise<Job> {
    const job = await this.get(id);
    if (job === null) throw new Error(`job ${id} vanished between a script and a read`);
    return job;
  }

  /** @throws RedisFault */
  async raw(id: string): Promise<RawJob | null> {
    const raw = await reading(() => this.#redis.hgetall(this.#keys.job(id)));
    return raw["state"] === undefined ? null : raw;
  }

  /** @throws RedisFault */
  async list(filter: JobFilter, page: { readonly cursor: string | null; readonly limit: number }): Promise<JobPage> {
    const before = page.cursor === null ? null : (CURSOR.exec(page.cursor)?.[1] ?? "");
    if (before === "") return { kind: "bad_cursor" };
    const { ids, next } = await this.#index.page(filter, before, page.limit);
    return { kind: "page", items: await this.#many(ids), nextCursor: next === null ? null : `j1.${next}` };
  }

  /** Attempts, newest first; null when there is no such job. @throws RedisFault */
  async attempts(id: string): Promise<readonly Attempt[] | null> {
    return this.#belongings(
      id,
      this.#keys.attempts(id),
      (_number, text) => toAttempt(text),
      (a, b) => b.number - a.number,
    );
  }

  /** Kept checkpoints, newest first. @throws RedisFault */
  async checkpoints(id: string): Promise<readonly Checkpoint[] | null> {
    return this.#belongings(
      id,
      this.#keys.checkpoints(id),
      (_seq, text) => toCheckpoint(text),
      (a, b) => b.seq - a.seq,
    );
  }

  /** Committed artifacts, by name. @throws RedisFault */
  async artifacts(id: string): Promise<readonly Artifact[] | null> {
    return this.#belongings(id, this.#keys.artifacts(id), toArtifact, (a, b) => (a.name < b.name ? -1 : 1));
  }

  /** How many jobs are in each of `states`. @throws RedisFault */
  async countByState(states: readonly JobState[], task?: string): Promise<ReadonlyMap<JobState, number>> {
    const counts = await this.#index.sizes(
      states.map((state) => (task === undefined ? `s=${state}` : `s=${state}&t=${task}`)),
    );
    return new Map(states.map((state, at) => [state, counts[at] ?? 0]));
  }

  /** Why checkpoints of all jobs are not there → how many (`domain/checkpoint-trouble.ts`). @throws RedisFault */
  async checkpointTrouble(): Promise<Readonly<Record<string, number>>> {
    const counters = await reading(() => this.#redis.hgetall(this.#keys.checkpointTrouble));
    return Object.fromEntries(Object.entries(counters).map(([why, count]) => [why, Number(count)]));
  }

  async #many(ids: readonly string[]): Promise<Job[]> {
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.hgetall(this.#keys.job(id));
    const replies = (await reading(() => pipeline.exec())) ?? [];
    return replies.flatMap(([error, reply]) => {
      if (error !== null) throw error;
      const raw = reply as RawJob;
      return raw["state"] === undefined ? [] : [toJob(raw, this.#redisNowMs())];
    });
  }

  async #belongings<T>(
    id: string,
    key: string,
    read: (field: string, text: string) => T,
    order: (a: T, b: T) => number,
  ): Promise<readonly T[] | null> {
    const [exists, stored] = await reading(() =>
      Promise.all([this.#redis.exists(this.#keys.job(id)), this.#redis.hgetall(key)]),
    );
    if (exists === 0) return null;
    return Object.entries(stored)
      .map(([field, text]) => read(field, text))
      .sort(order);
  }
}
