/** Where time went, as the scripts keep it: in the record of a job, its attempts, and counters of the whole fleet. */
import type { AttemptGoodput, Goodput } from "../contract/job.ts";
import {
  goodputOf,
  splitAttempt,
  TIME_PARTS,
  type AttemptAccount,
  type AttemptSpent,
  type TimePart,
  type TimeSpent,
} from "../domain/goodput.ts";
import { isFinal, LEASED_STATES, type JobState } from "../domain/job-state.ts";
import { reading } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import type { RawJob } from "./record.ts";

const PARTS = Object.keys(TIME_PARTS) as TimePart[];

/** All time of a job until `nowMs` (null: until it last said something): what the record has, and what goes on. */
export function timeSpentOf(raw: RawJob, nowMs: number | null): TimeSpent {
  const spent = read((part) => raw[`spent_${part}`]);
  const state = raw["state"] as JobState;
  if (isFinal(state)) return spent;
  const untilMs = nowMs ?? Number(raw["renewedAt"] ?? raw["stateAt"]);
  const since = (field: string): number => Math.max(0, Math.round(untilMs - Number(raw[field] ?? untilMs)));
  if ((LEASED_STATES as readonly JobState[]).includes(state)) {
    const account = raw["account"] ? (JSON.parse(raw["account"]) as AttemptAccount) : null;
    return add(spent, splitAttempt(since("leasedAt"), account, "kept", 0));
  }
  return add(spent, { [state === "queued" ? "queued" : "held"]: since("stateAt") });
}

/** What was counted of an array's elements (`count_for_array` in `lib/job.lua`): all that is over. */
export function timeSpentBy(array: Readonly<Record<string, string>>): TimeSpent {
  return read((part) => array[`spent_${part}`]);
}

export function toGoodput(spent: TimeSpent): Goodput {
  const { useful, checkpoint, restore, redone, detect, queued, held } = spent;
  return {
    ...{ usefulMs: useful, checkpointMs: checkpoint, restoreMs: restore, redoneMs: redone, detectMs: detect },
    ...{ queuedMs: queued, heldMs: held, fraction: goodputOf(spent) },
  };
}

/** @param stored as `close_attempt` wrote it into the attempt */
export function toAttemptGoodput(stored: AttemptSpent): AttemptGoodput {
  const { usefulMs, checkpointMs, restoreMs, redoneMs, detectMs, fraction } = toGoodput({
    ...stored,
    queued: 0,
    held: 0,
  });
  return { usefulMs, checkpointMs, restoreMs, redoneMs, detectMs, fraction };
}

/** Mean times between losses of one worker, ms. */
export interface LossTimes {
  /** Of the whole fleet; null: nobody has counted yet. */
  readonly mtbfMs: number | null;
  readonly zones: ReadonlyMap<string, number>;
}

/** The counters of the whole fleet. */
export class FleetTime {
  readonly #redis: RedisClient;
  readonly #keys: Keys;

  constructor(options: { readonly redis: RedisClient; readonly keys: Keys }) {
    this.#redis = options.redis;
    this.#keys = options.keys;
  }

  /** Of all attempts that have ended and all waiting that is over, since the counters began. @throws RedisFault */
  async spent(): Promise<TimeSpent> {
    const counters = await reading(() => this.#redis.hgetall(this.#keys.timeSpent));
    return read((part) => counters[part]);
  }

  /** How often a worker is lost. @throws RedisFault */
  async losses(): Promise<LossTimes> {
    const stored = await reading(() => this.#redis.hgetall(this.#keys.failures));
    const zones = new Map<string, number>();
    for (const [field, ms] of Object.entries(stored)) {
      const [name, zone] = [field.slice(0, field.indexOf("@")), field.slice(field.indexOf("@") + 1)];
      if (name === "mtbfMs") zones.set(zone, Number(ms));
    }
    const { mtbfMs } = stored;
    return { mtbfMs: mtbfMs === undefined ? null : Number(mtbfMs), zones };
  }
}

function read(of: (part: TimePart) => string | undefined): TimeSpent {
  return Object.fromEntries(PARTS.map((part) => [part, Number(of(part) ?? 0)])) as Record<TimePart, number>;
}

function add(spent: TimeSpent, more: Partial<TimeSpent>): TimeSpent {
  return Object.fromEntries(PARTS.map((part) => [part, spent[part] + (more[part] ?? 0)])) as Record<TimePart, number>;
}
