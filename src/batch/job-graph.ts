/**
 * Who waits for whom (`scripts/lib/graph.lua`), as processes see it.
 *
 * T1 Children are told a few at a time, each few in one script: 10,000 of one parent hold nobody.
 * T2 Whoever is to be told stands in a set until it was; a process that dies meanwhile, or a Redis that restarts,
 *    loses nothing, and being told twice changes nothing.
 */
import type { DependencyStanding } from "../contract/job.ts";
import { reading } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript } from "../redis/script.ts";
import type { BatchScripts } from "./scripts.ts";
import { ticketOf, type TicketQueues } from "./tickets.ts";

/** Children told by one script (T1). */
const AT_A_TIME = 6;
/** Scripts of one round. */
const ROUNDS = 300;

const STATUS = { w: "waiting", o: "satisfied", f: "failed" } as const;

export interface JobGraphOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly tickets: TicketQueues;
}

export class JobGraph {
  readonly #options: JobGraphOptions;

  constructor(options: JobGraphOptions) {
    this.#options = options;
  }

  /** Tells those whose parents took a turn: a bounded number; what is left is told in the next round (T2). */
  async tellSome(): Promise<void> {
    const { redis, keys } = this.#options;
    let left = ROUNDS;
    for (const parent of await redis.zrange(keys.telling, 0, "24")) {
      left -= await this.tell(parent, left);
      if (left <= 0) return;
    }
  }

  /** Tells the children of one parent. @returns how many scripts that took */
  async tell(parent: string, atMost = ROUNDS): Promise<number> {
    const { redis, keys, scripts, tickets } = this.#options;
    for (let round = 1; round <= atMost; round += 1) {
      const reply = await runScript(redis, scripts.tell, [keys.root], [parent, AT_A_TIME]);
      const [more, ...ready] = Array.isArray(reply) ? reply : [0];
      await tickets.add(ready.flatMap((item) => ticketOf(item) ?? []));
      if (more !== 1) return round;
    }
    return atMost;
  }

  /** Those of `ids` that are neither a job nor an array. @throws RedisFault */
  async unknown(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { redis, keys } = this.#options;
    const counts = await reading(() => Promise.all(ids.map((id) => redis.exists(keys.job(id), keys.array(id)))));
    return new Set(ids.filter((_id, at) => counts[at] === 0));
  }

  /** What a job waits for, and how that stands; null when there is no such job. @throws RedisFault */
  async dependencies(id: string): Promise<readonly DependencyStanding[] | null> {
    const { redis, keys } = this.#options;
    const [exists, stored] = await reading(() =>
      Promise.all([redis.exists(keys.job(id)), redis.hgetall(keys.dependencies(id))]),
    );
    if (exists === 0) return null;
    return Object.entries(stored)
      .map(([job, entry]) => {
        const [onFailure, status] = entry.split(":") as [DependencyStanding["onFailure"], keyof typeof STATUS];
        return { job, onFailure, status: STATUS[status] };
      })
      .sort((a, b) => (a.job < b.job ? -1 : 1));
  }
}
