/**
 * Reading jobs: one, a page of them, and what belongs to one.
 *
 * G1 A page never scans: each filter, and each pair of filters, has a sorted set of its own; what a third filter
 *    excludes is sieved from bounded reads, and a page may then be short (AIP-158).
 * G2 Newest first: ids are ULIDs, and the sets are sorted by id.
 */
import type { Artifact, Attempt, Checkpoint, Job } from "../contract/job.ts";
import type { JobState } from "../domain/job-state.ts";
import { reading } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { toArtifact, toAttempt, toCheckpoint, toJob, type RawJob } from "./record.ts";

export interface JobFilter {
  /** Any of these; empty: any state. */
  readonly states: readonly JobState[];
  readonly task?: string;
  readonly class?: "online" | "batch";
  readonly worker?: string;
  /** All of these, as name and value. */
  readonly labels: readonly (readonly [string, string])[];
}

export type JobPage =
  | { readonly kind: "page"; readonly items: readonly Job[]; readonly nextCursor: string | null }
  | { readonly kind: "bad_cursor" };

export interface CheckpointPointer {
  readonly seq: number;
  readonly manifest: string;
  readonly manifestSha256: string;
  readonly progress: number | null;
}

/** Steps per page (G1); each reads as many records as the page may have. */
const STEPS = 20;
const CURSOR = /^j1\.([0-9a-hjkmnp-tv-z]{26})$/;

export class JobReader {
  readonly #redis: RedisClient;
  readonly #keys: Keys;

  constructor(options: { readonly redis: RedisClient; readonly keys: Keys }) {
    this.#redis = options.redis;
    this.#keys = options.keys;
  }

  /** @throws RedisFault */
  async get(id: string): Promise<Job | null> {
    const raw = await this.raw(id);
    return raw === null ? null : toJob(raw);
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
    const atoms = [
      ...(filter.task === undefined ? [] : [`t=${filter.task}`]),
      ...(filter.class === undefined ? [] : [`c=${filter.class}`]),
      ...(filter.worker === undefined ? [] : [`w=${filter.worker}`]),
      ...filter.labels.map(([name, value]) => `l=${name}=${value}`),
    ];
    const states = filter.states.length === 0 ? [null] : filter.states.map((state) => `s=${state}`);
    const terms = await Promise.all(states.map((state) => this.#narrowest(state === null ? atoms : [state, ...atoms])));
    const items: Job[] = [];
    let last = before;
    for (let step = 0; step < STEPS && items.length < page.limit; step += 1) {
      const ids = await this.#newest(terms, last, page.limit);
      if (ids.length === 0) return { kind: "page", items, nextCursor: null };
      for (const job of await this.#many(ids)) {
        if (items.length === page.limit) break;
        last = job.id;
        if (matches(job, filter)) items.push(job);
      }
      // Every record of this step was removed meanwhile.
      if (items.length < page.limit) last = ids.at(-1) ?? last;
    }
    return { kind: "page", items, nextCursor: last === null ? null : `j1.${last}` };
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

  /** Where the latest committed checkpoint of a job is; null when it has none. @throws RedisFault */
  async latestCheckpoint(id: string): Promise<CheckpointPointer | null> {
    const [seq, manifest, sha, progress] = await reading(() =>
      this.#redis.hmget(this.#keys.job(id), "ckSeq", "ckManifest", "ckSha", "ckProgress"),
    );
    if (typeof seq !== "string" || seq === "" || typeof manifest !== "string" || typeof sha !== "string") return null;
    return {
      seq: Number(seq),
      manifest,
      manifestSha256: sha,
      progress: typeof progress !== "string" || progress === "" ? null : Number(progress),
    };
  }

  /** How many jobs are in each of `states`. @throws RedisFault */
  async countByState(states: readonly JobState[], task?: string): Promise<ReadonlyMap<JobState, number>> {
    const counts = await reading(() =>
      Promise.all(
        states.map((state) =>
          this.#redis.zcard(this.#keys.index(task === undefined ? `s=${state}` : `s=${state}&t=${task}`)),
        ),
      ),
    );
    return new Map(states.map((state, at) => [state, counts[at] ?? 0]));
  }

  /** G1: the smallest set that holds all matches. Atoms come in the order in which pairs are named. */
  async #narrowest(atoms: readonly string[]): Promise<string> {
    if (atoms.length <= 1) return atoms[0] ?? "";
    const pairs = atoms.flatMap((first, at) =>
      atoms.slice(at + 1).flatMap((second) => (first.startsWith("l=") ? [] : [`${first}&${second}`])),
    );
    const terms = pairs.length === 0 ? atoms : pairs;
    if (terms.length === 1) return terms[0] ?? "";
    const sizes = await reading(() => Promise.all(terms.map((term) => this.#redis.zcard(this.#keys.index(term)))));
    return terms[sizes.indexOf(Math.min(...sizes))] ?? "";
  }

  /** G2: up to `count` ids of all `terms` together, newest first, older than `before`. */
  async #newest(terms: readonly string[], before: string | null, count: number): Promise<string[]> {
    const max = before === null ? "+" : `(${before}`;
    const lists = await reading(() =>
      Promise.all(
        terms.map((term) => this.#redis.zrange(this.#keys.index(term), max, "-", "BYLEX", "REV", "LIMIT", 0, count)),
      ),
    );
    if (lists.length === 1) return lists[0] ?? [];
    return [...new Set(lists.flat())].sort((a, b) => (a < b ? 1 : -1)).slice(0, count);
  }

  async #many(ids: readonly string[]): Promise<Job[]> {
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.hgetall(this.#keys.job(id));
    const replies = (await reading(() => pipeline.exec())) ?? [];
    return replies.flatMap(([error, reply]) => {
      if (error !== null) throw error;
      const raw = reply as RawJob;
      return raw["state"] === undefined ? [] : [toJob(raw)];
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

function matches(job: Job, filter: JobFilter): boolean {
  return (
    (filter.states.length === 0 || filter.states.includes(job.state)) &&
    (filter.task === undefined || job.task === filter.task) &&
    (filter.class === undefined || job.class === filter.class) &&
    (filter.worker === undefined || job.worker === filter.worker) &&
    filter.labels.every(([name, value]) => job.labels[name] === value)
  );
}
