/**
 * The indexes over jobs, for lists.
 *
 * G1 A page never scans: each filter, and each pair of filters, has a sorted set of its own (`terms` in
 *    `scripts/lib/job.lua`). What a third filter excludes is sieved by membership, a bounded number at a time, and a
 *    page may then be short (AIP-158).
 * G3 The elements of an array stand side by side in every index, by their ids: that filter is a range, and costs nothing.
 * G2 Newest first: ids are ULIDs, and the sets are sorted by id.
 */
import type { JobState } from "../domain/job-state.ts";
import { elementRange } from "../domain/array-element.ts";
import { reading } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";

export interface JobFilter {
  /** Any of these; empty: any state. */
  readonly states: readonly JobState[];
  readonly task?: string;
  readonly class?: "online" | "batch";
  readonly worker?: string;
  /** As it stands on the job. */
  readonly caller?: string;
  /** Elements of this array. */
  readonly array?: string;
  /** All of these, as name and value. */
  readonly labels: readonly (readonly [string, string])[];
}

export interface IdPage {
  /** At most as many as asked for, newest first. */
  readonly ids: readonly string[];
  /** Everything down to here was looked at; null: nothing is left. */
  readonly next: string | null;
}

/** Where candidates come from, and the sets they must be in besides. */
interface Source {
  readonly term: string;
  readonly checks: readonly string[];
}

/** Candidates that are sieved in one round trip, and rounds per page (G1). */
const STEP = 250;
const STEPS = 16;

export class JobIndex {
  readonly #redis: RedisClient;
  readonly #keys: Keys;

  constructor(options: { readonly redis: RedisClient; readonly keys: Keys }) {
    this.#redis = options.redis;
    this.#keys = options.keys;
  }

  /** Ids of jobs that fit, older than `before`. @throws RedisFault */
  async page(filter: JobFilter, before: string | null, limit: number): Promise<IdPage> {
    const atoms = [
      ...(filter.task === undefined ? [] : [`t=${filter.task}`]),
      ...(filter.class === undefined ? [] : [`c=${filter.class}`]),
      ...(filter.worker === undefined ? [] : [`w=${filter.worker}`]),
      ...(filter.caller === undefined ? [] : [`u=${filter.caller}`]),
      ...filter.labels.map(([name, value]) => `l=${name}=${value}`),
    ];
    const range = filter.array === undefined ? null : elementRange(filter.array); // G3
    const choices = filter.states.length === 0 ? [atoms] : filter.states.map((state) => [`s=${state}`, ...atoms]);
    const sources = await Promise.all(choices.map((choice) => this.#narrowest(choice)));
    const step = sources.every(({ checks }) => checks.length === 0) ? limit : STEP;
    const found: string[] = [];
    const min = range === null ? "-" : `(${range.after}`;
    let last = before;
    for (let round = 0; round < STEPS; round += 1) {
      const { fitting, end } = await this.#sieve(sources, { min, max: maxOf(last, range?.upTo ?? null) }, step);
      for (const id of fitting) {
        found.push(id);
        if (found.length === limit) return { ids: found, next: id };
      }
      if (end === null) return { ids: found, next: null };
      last = end;
    }
    return { ids: found, next: last };
  }

  /** How many jobs stand under each of `terms`. @throws RedisFault */
  async sizes(terms: readonly string[]): Promise<number[]> {
    return reading(() => Promise.all(terms.map((term) => this.#redis.zcard(this.#keys.index(term)))));
  }

  /** G1: the smallest set that holds all matches. Atoms come in the order in which pairs are named. */
  async #narrowest(atoms: readonly string[]): Promise<Source> {
    const [first = "", second] = atoms;
    if (second === undefined) return { term: first, checks: [] };
    const pairs = atoms.flatMap((one, at) =>
      /^[lu]=/.test(one) ? [] : atoms.slice(at + 1).map((other) => ({ term: `${one}&${other}`, covers: [one, other] })),
    );
    // Caller and labels among themselves have no pairs.
    const choices = pairs.length > 0 ? pairs : atoms.map((atom) => ({ term: atom, covers: [atom] }));
    const sizes = choices.length === 1 ? [0] : await this.sizes(choices.map(({ term }) => term));
    const { term, covers } = choices[sizes.indexOf(Math.min(...sizes))] ?? { term: first, covers: [first] };
    return { term, checks: atoms.filter((atom) => !covers.includes(atom)) };
  }

  /**
   * G2: one round over all sources.
   * @returns the ids that fit, newest first, and the oldest that was looked at; `end` null when the sources are exhausted
   */
  async #sieve(
    sources: readonly Source[],
    { min, max }: { readonly min: string; readonly max: string },
    count: number,
  ): Promise<{ readonly fitting: readonly string[]; readonly end: string | null }> {
    const lists = await reading(() =>
      Promise.all(
        sources.map(({ term }) =>
          this.#redis.zrange(this.#keys.index(term), max, min, "BYLEX", "REV", "LIMIT", 0, count),
        ),
      ),
    );
    // A list that was cut says nothing about what is older than its last id: what others have there waits.
    const cuts = lists.flatMap((list) => (list.length === count ? [list.at(-1) ?? ""] : []));
    const end = cuts.length === 0 ? null : cuts.reduce((newest, cut) => (cut > newest ? cut : newest));
    const kept = lists.map((list) => (end === null ? list : list.filter((id) => id >= end)));
    const fitting = await Promise.all(kept.map((ids, at) => this.#among(ids, sources[at]?.checks ?? [])));
    return { fitting: [...new Set(fitting.flat())].sort((a, b) => (a < b ? 1 : -1)), end };
  }

  /** Those of `ids` that stand under every one of `terms`. */
  async #among(ids: readonly string[], terms: readonly string[]): Promise<readonly string[]> {
    if (ids.length === 0 || terms.length === 0) return ids;
    const scores = await reading(() =>
      Promise.all(terms.map((term) => this.#redis.zmscore(this.#keys.index(term), ...ids))),
    );
    return ids.filter((_id, at) => scores.every((list) => list[at] !== null));
  }
}

/** The newest id of a page: older than `before`, and not above `upTo`. */
function maxOf(before: string | null, upTo: string | null): string {
  if (before !== null && (upTo === null || before <= upTo)) return `(${before}`;
  return upTo === null ? "+" : `[${upTo}`;
}
