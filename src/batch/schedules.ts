/**
 * Schedules: jobs that are submitted again and again, by cron.
 *
 * SC1 The record of a schedule is the truth, and Redis' clock says what is due. (Not BullMQ's job schedulers: there a
 *     process that draws an iteration and dies loses it, and one that fails to add the next ends the schedule.)
 * SC2 A time makes one job: its id is made of the schedule and the time, so that whoever else submits it makes nothing.
 * SC3 A time is served first and then passed: who dies in between leaves it to be served again, which changes nothing.
 * SC4 Of times that were missed the latest is served, once.
 */
import { createHash } from "node:crypto";
import type { PutSchedule, Schedule } from "../contract/schedule.ts";
import type { Problem } from "../contract/problem.ts";
import { isFinal, type JobState } from "../domain/job-state.ts";
import { scheduledId } from "../domain/scheduled-id.ts";
import { RedisFault, reading, writing } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript } from "../redis/script.ts";
import type { ScriptWriter } from "../redis/script-writer.ts";
import { latestDue, nextTimes } from "./cron.ts";
import type { BatchScripts } from "./scripts.ts";

const SHOWN_TIMES = 5;
/** Schedules served in one round. */
const AT_MOST = 25;

/** Submits a job of a schedule under an id of its choice. */
export type SubmitScheduled = (request: {
  readonly id: string;
  readonly schedule: string;
  readonly job: PutSchedule["job"];
  readonly by: string;
  readonly caller: string;
}) => Promise<{ readonly kind: "submitted" } | { readonly kind: "refused"; readonly problem: Problem }>;

export interface ScheduleDeskOptions {
  readonly redis: RedisClient;
  readonly writer: ScriptWriter;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly redisNowMs: () => number;
  readonly writeWithinMs: number;
}

interface Last {
  readonly at: number;
  readonly outcome: "submitted" | "skipped" | "refused";
  readonly job: string | null;
  readonly problem: Problem | null;
}

export class ScheduleDesk {
  readonly #options: ScheduleDeskOptions;

  constructor(options: ScheduleDeskOptions) {
    this.#options = options;
  }

  /** Makes or changes a schedule; the expression was checked. @throws RedisFault */
  async put(
    name: string,
    schedule: PutSchedule,
    from: { readonly by: string; readonly caller: string },
  ): Promise<"created" | "changed"> {
    const { writer, keys, scripts, redisNowMs, writeWithinMs } = this.#options;
    const { cron, timeZone, overlap, job } = schedule;
    const [next] = nextTimes(cron, timeZone, redisNowMs(), 1);
    const fields = { cron, timeZone, overlap, job: JSON.stringify(job), by: from.by, caller: from.caller };
    const args = [name, Math.ceil(redisNowMs() + writeWithinMs), next ?? "", ...Object.entries(fields).flat()];
    const reply = await writing(() => writer.run(scripts["schedule-put"], [keys.root], args));
    const [kind] = Array.isArray(reply) ? reply : [reply];
    if (kind === "too_late") throw new RedisFault("unavailable", new Error("the write reached Redis too late"));
    return kind === "created" ? "created" : "changed";
  }

  /** @returns whether there was one @throws RedisFault */
  async remove(name: string): Promise<boolean> {
    const { redis, keys } = this.#options;
    const replies = await writing(() => redis.multi().del(keys.schedule(name)).zrem(keys.schedules, name).exec());
    return replies?.[0]?.[1] === 1;
  }

  /** @throws RedisFault */
  async get(name: string): Promise<Schedule | null> {
    const { redis, keys, redisNowMs } = this.#options;
    const stored = await reading(() => redis.hgetall(keys.schedule(name)));
    return stored["cron"] === undefined ? null : toSchedule(name, stored, redisNowMs());
  }

  /** By name. @throws RedisFault */
  async list(after: string | null, limit: number): Promise<readonly Schedule[]> {
    const { redis, keys } = this.#options;
    const names = (await reading(() => redis.zrange(keys.schedules, 0, "9999"))).sort();
    const shown = names.filter((name) => after === null || name > after).slice(0, limit);
    const schedules = await Promise.all(shown.map((name) => this.get(name)));
    return schedules.filter((schedule) => schedule !== null);
  }

  /** Serves what is due. @returns how many times were served */
  async serve(submit: SubmitScheduled): Promise<number> {
    const { redis, keys, redisNowMs } = this.#options;
    const names = await redis.zrangebyscore(keys.schedules, "-inf", redisNowMs(), "LIMIT", 0, AT_MOST);
    let served = 0;
    for (const name of names) served += (await this.#serveOne(name, submit)) ? 1 : 0;
    return served;
  }

  async #serveOne(name: string, submit: SubmitScheduled): Promise<boolean> {
    const { redis, keys, scripts, redisNowMs } = this.#options;
    const stored = await redis.hgetall(keys.schedule(name));
    const { cron, timeZone, nextAt } = stored;
    if (cron === undefined || timeZone === undefined || nextAt === undefined || nextAt === "") return false;
    const now = redisNowMs();
    const due = latestDue(cron, timeZone, Number(nextAt), now); // SC4
    const [next] = nextTimes(cron, timeZone, now, 1);
    const last = await this.#submitFor(name, stored, due, submit);
    const job = last.outcome === "submitted" ? (last.job ?? "") : "";
    const args = [name, nextAt, cron, timeZone, next ?? "", JSON.stringify(last), job];
    return (await runScript(redis, scripts["schedule-served"], [keys.root], args)) === 1; // SC3
  }

  async #submitFor(
    name: string,
    stored: Readonly<Record<string, string>>,
    due: number,
    submit: SubmitScheduled,
  ): Promise<Last> {
    const { redis, keys } = this.#options;
    const id = scheduledId(
      due,
      createHash("sha256")
        .update(`${name}\n${stored["createdAt"] ?? ""}\n${due}`)
        .digest(),
    ); // SC2
    const lastJob = stored["lastJob"];
    if (stored["overlap"] === "skip" && lastJob !== undefined && lastJob !== id) {
      const state = await redis.hget(keys.job(lastJob), "state");
      if (state !== null && !isFinal(state as JobState)) {
        return { at: due, outcome: "skipped", job: lastJob, problem: null };
      }
    }
    const job = JSON.parse(stored["job"] ?? "null") as PutSchedule["job"];
    const from = { by: stored["by"] ?? "", caller: stored["caller"] ?? "" };
    const outcome = await submit({ id, schedule: name, job, ...from });
    return outcome.kind === "submitted"
      ? { at: due, outcome: "submitted", job: id, problem: null }
      : { at: due, outcome: "refused", job: null, problem: outcome.problem };
  }
}

function toSchedule(name: string, stored: Readonly<Record<string, string>>, nowMs: number): Schedule {
  const { cron = "", timeZone = "UTC", overlap, nextAt = "", createdAt } = stored;
  const last = JSON.parse(stored["last"] ?? "null") as Last | null;
  // What is due and not served yet comes first.
  const first = nextAt === "" ? [] : [Number(nextAt)];
  const rest = nextAt === "" ? [] : nextTimes(cron, timeZone, Math.max(nowMs, Number(nextAt)), SHOWN_TIMES - 1);
  return {
    name,
    cron,
    timeZone,
    overlap: overlap === "queue" ? "queue" : "skip",
    job: JSON.parse(stored["job"] ?? "null") as Schedule["job"],
    next: [...first, ...rest].map((ms) => new Date(ms).toISOString()),
    last: last === null ? null : { ...last, at: new Date(last.at).toISOString() },
    createdAt: new Date(Number(createdAt)).toISOString(),
  };
}
