/** The stored events of jobs: numbered from 1, the newest 10,000 of each kept. */
import type { JobEventView } from "../contract/job.ts";
import { reading } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript } from "../redis/script.ts";
import type { BatchScripts } from "./scripts.ts";

export interface JobEventLogOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
}

export class JobEventLog {
  readonly #options: JobEventLogOptions;

  constructor(options: JobEventLogOptions) {
    this.#options = options;
  }

  /**
   * Events after the one numbered `after` (0: from the first that is kept), oldest first.
   * @throws RedisFault
   */
  async after(job: string, after: number, atMost: number): Promise<readonly JobEventView[]> {
    const { redis, keys, scripts } = this.#options;
    const reply = await reading(() => runScript(redis, scripts.events, [keys.root], [job, after, atMost]));
    return Array.isArray(reply) ? reply.map((stored) => toEvent(job, String(stored))) : [];
  }
}

/** An event as `emit` in `scripts/lib/job.lua` wrote it. */
function toEvent(job: string, stored: string): JobEventView {
  const event = JSON.parse(stored) as Omit<JobEventView, "at" | "job"> & { readonly at: number };
  return { ...event, job, at: new Date(event.at).toISOString() };
}
