/**
 * Records of online requests: of those with an idempotency key, those asked for asynchronously, those that outlive
 * their wait, and those that failed. An API process holds the lease of one while it sees to it.
 *
 * O1 A record is created in one step with its key and its lease: there is no moment in which it is nobody's.
 * O2 What an API process writes about a job names its fence, and is refused when another one has taken the job over.
 * O3 Who holds leases beats; another API process takes them away when the beat has stood still for long enough on its
 *    own clock, by compare-and-set on that beat.
 * O4 What this process holds by the record, and knows nothing of (an answer of Redis was lost), it gives back.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Job } from "../contract/job.ts";
import type { Fence } from "../domain/fence.ts";
import type { JobReason } from "../domain/job-reason.ts";
import type { Limits } from "../domain/limits.ts";
import { classifyRedisError, reading, RedisFault, writing } from "../redis/fault.ts";
import type { Keys, OnlineShelf } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript, type ScriptReply } from "../redis/script.ts";
import { toJob, unflatten, type RawJob } from "./record.ts";
import type { BatchScripts } from "./scripts.ts";

/** A few at a time: a script holds Redis for about a tenth of a millisecond for each. */
const AT_MOST = 8;
/** What was leased less than this ago may be on its way to whoever asked (O4). */
const UNKNOWN_AFTER_MS = 3_000;

export interface NewOnlineJob {
  readonly id: string;
  readonly task: string;
  /** The newest definition that takes the input. */
  readonly definition: string;
  /** May it run twice? */
  readonly idempotent: boolean;
  /** Raw JSON. */
  readonly input: string;
  /** From its creation, or from when it is due. */
  readonly deadlineMs: number;
  /** ms since 1970; null: at once. */
  readonly runAtMs: number | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly traceparent: string | null;
  readonly idempotency: {
    readonly key: string;
    readonly fingerprint: string;
    /** A repeat of what failed and may run again, or certainly did not run, is run. */
    readonly replacesFailed: boolean;
  } | null;
  readonly by: string;
  /** Redis's clock, when it came, if that was before now. */
  readonly createdAtMs?: number;
  /** What was sent already, of a task that must not run twice. */
  readonly sending?: string;
}

/** Who sees to it: `now` this process; `in_turn` this process, unless others wait; `later` whoever draws it. */
export type Urgency = "now" | "in_turn" | "later";

export interface OnlineLease {
  readonly job: string;
  readonly fence: Fence;
  readonly record: RawJob;
}

export type BeginOutcome =
  | { readonly kind: "leased"; readonly lease: OnlineLease }
  | { readonly kind: "queued"; readonly job: Job }
  | { readonly kind: "replayed"; readonly id: string }
  | { readonly kind: "key_reused"; readonly id: string };

/** An attempt as the record keeps it; times on Redis's clock. */
export interface OnlineAttempt {
  readonly number: number;
  readonly fence: string;
  readonly worker: string | null;
  readonly zone: null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly fromCheckpoint: null;
  readonly lastCheckpoint: null;
  readonly outcome: "running" | "succeeded" | "failed" | "interrupted" | "lost";
  readonly reason: string | null;
  readonly why: string | null;
  readonly replica: string | null;
  readonly queueMs: number | null;
  readonly runMs: number | null;
}

export interface OnlineEnding {
  /** `put_back`: it waits again, `pauseMs` from now. `forget`: it certainly did not run, and its caller is told so. */
  readonly kind: "succeeded" | "failed" | "expired" | "put_back" | "forget";
  /** Output or error, JSON. */
  readonly payload?: string;
  readonly reason?: JobReason;
  readonly pauseMs?: number;
  /** May it have run? */
  readonly ran: boolean;
  readonly worker?: string | null;
  readonly attempts: readonly OnlineAttempt[];
}

export interface OnlineDeskOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly limits: Limits;
  /** Redis' clock, as well as it is known here. */
  readonly redisNowMs: () => number;
  /** How long a creation may be on its way before it must not happen any more, ms. */
  readonly writeWithinMs: number;
  /** Names this process and this start of it. */
  readonly holder: string;
}

export class OnlineDesk {
  readonly #options: OnlineDeskOptions;

  constructor(options: OnlineDeskOptions) {
    this.#options = options;
  }

  /** O1 @throws RedisFault; with kind `unknown` its `job` is the id to look up */
  async begin(job: NewOnlineJob, urgency: Urgency): Promise<BeginOutcome> {
    const token = newToken();
    const [kind, rest] = await this.#create(job, { urgency, token, shelf: "finals-online", ending: "" });
    switch (kind) {
      case "leased":
        return { kind, lease: leaseOf(recordOf(rest), token) };
      case "queued":
        return { kind, job: toJob(recordOf(rest)) };
      case "replayed":
      case "key_reused":
        return { kind, id: String(rest) };
      default:
        throw tooLate(job.id);
    }
  }

  /** Writes the record of a request that has failed already. @throws RedisFault */
  async recordFailure(job: NewOnlineJob, ending: OnlineEnding): Promise<void> {
    const shelf = "finals-failures";
    await this.#create(job, { urgency: "now", token: newToken(), shelf, ending: endingText(ending) });
  }

  /** Leases up to `atMost` of the jobs that wait. @throws RedisFault */
  async draw(atMost: number): Promise<readonly OnlineLease[]> {
    const { redis, keys, scripts, holder } = this.#options;
    const tokens = Array.from({ length: Math.min(atMost, AT_MOST) }, newToken);
    const reply = await writing(() => runScript(redis, scripts["draw-online"], [keys.root], [holder, ...tokens]));
    if (!Array.isArray(reply)) return [];
    return reply.map((flat, at) => leaseOf(recordOf(flat), tokens[at] ?? ""));
  }

  /** Notes what is about to be sent (O2). @returns whether the lease is held still @throws RedisFault */
  async noteSending({ job, fence }: OnlineLease, entry: string): Promise<boolean> {
    const { redis, keys, scripts } = this.#options;
    const args = [job, fence.generation, fence.counter, fence.token, entry];
    return (await writing(() => runScript(redis, scripts["send-online"], [keys.root], args))) === 1;
  }

  /** Ends a lease (O2). `unreachable`: not known; ask again. */
  async end({ job, fence }: OnlineLease, ending: OnlineEnding): Promise<"ok" | "refused" | "unreachable"> {
    const { redis, keys, scripts } = this.#options;
    const args = [job, fence.generation, fence.counter, fence.token, endingText(ending)];
    try {
      const reply = await runScript(redis, scripts["end-online"], [keys.root], args);
      return Array.isArray(reply) && reply[0] === "ok" ? "ok" : "refused";
    } catch (error) {
      if (classifyRedisError(error) === null) throw error;
      return "unreachable";
    }
  }

  /** Is it to be cancelled, or another's by now? @throws RedisFault */
  async standing({ job, fence }: OnlineLease): Promise<"held" | "cancel" | "lost"> {
    const { redis, keys } = this.#options;
    const [token, intent] = await reading(() => redis.hmget(keys.job(job), "fenceToken", "intent"));
    if (token !== fence.token) return "lost";
    return intent === "cancel" ? "cancel" : "held";
  }

  /** Beats, and looks at the beats of all (O3). @returns API process → its beat @throws RedisFault */
  async beat(): Promise<ReadonlyMap<string, number>> {
    const { redis, keys, holder } = this.#options;
    const replies = await writing(() =>
      redis.multi().hincrby(keys.coordinators, holder, 1).hgetall(keys.coordinators).exec(),
    );
    const beats = (replies?.[1]?.[1] ?? {}) as Record<string, string>;
    return new Map(Object.entries(beats).map(([id, beat]) => [id, Number(beat)]));
  }

  /** O3 @returns how many jobs were taken from it @throws RedisFault */
  async takeFrom(holder: string, lastBeat: number): Promise<number> {
    const { redis, keys } = this.#options;
    let taken = 0;
    for (;;) {
      const ids = await reading(() => redis.zrange(keys.held(holder), 0, String(AT_MOST - 1)));
      const reply = await this.#lose(holder, String(lastBeat), ids);
      if (reply[0] !== "taken") return taken;
      taken += Number(reply[1]);
      if (Number(reply[2]) === 0) return taken;
    }
  }

  /** O4 @param known jobs that this process sees to @returns how many it gave back @throws RedisFault */
  async giveBackUnknown(known: { has(id: string): boolean }): Promise<number> {
    const { redis, keys, holder, redisNowMs } = this.#options;
    const before = redisNowMs() - UNKNOWN_AFTER_MS;
    const ids = await reading(() => redis.zrangebyscore(keys.held(holder), "-inf", before, "LIMIT", 0, 1_000));
    const unknown = ids.filter((id) => !known.has(id)).slice(0, AT_MOST);
    if (unknown.length === 0) return 0;
    return Number((await this.#lose(holder, "", unknown))[1]);
  }

  /** Takes this process out of those that are watched: it holds nothing any more. @throws RedisFault */
  async leave(): Promise<void> {
    const { redis, keys, holder } = this.#options;
    if ((await reading(() => redis.zcard(keys.held(holder)))) > 0) return; // Then others have to watch it.
    await writing(() => redis.hdel(keys.coordinators, holder));
  }

  async #lose(holder: string, beat: string, ids: readonly string[]): Promise<ScriptReply[]> {
    const { redis, keys, scripts } = this.#options;
    const args = [holder, beat, ...ids];
    const reply = await writing(() => runScript(redis, scripts["lose-coordinator"], [keys.root], args));
    return Array.isArray(reply) ? reply : [];
  }

  async #create(
    job: NewOnlineJob,
    how: {
      readonly urgency: Urgency;
      readonly token: string;
      readonly shelf: OnlineShelf;
      readonly ending: string;
    },
  ): Promise<ScriptReply[]> {
    const { redis, keys, scripts, limits, holder, redisNowMs, writeWithinMs } = this.#options;
    const { idempotency } = job;
    const keyName =
      idempotency === null ? keys.root : keys.idempotency(createHash("sha256").update(idempotency.key).digest("hex"));
    const args = [
      ...[job.id, Math.ceil(redisNowMs() + writeWithinMs), idempotency?.fingerprint ?? "", limits.idempotencyKeyTtlMs],
      ...[job.runAtMs ?? "", Math.ceil(job.deadlineMs), how.urgency === "later" ? "no" : how.urgency, holder],
      ...[how.token, how.shelf === "finals-online" ? limits.onlineRecordCount : limits.failureRecordCount],
      ...[idempotency?.replacesFailed === true ? "1" : "", how.ending],
      ...fieldsOf(job),
      ...["shelf", how.shelf],
    ];
    try {
      const reply = await writing(() => runScript(redis, scripts["begin-online"], [keys.root, keyName], args));
      return Array.isArray(reply) ? reply : [reply];
    } catch (error) {
      if (error instanceof RedisFault) error.job = job.id;
      throw error;
    }
  }
}

/** Forgets records of online requests that are old enough; many at a time, since there may be many. */
export async function retainOnline(options: {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly shelves: readonly OnlineShelf[];
  readonly keepMs: number;
  /** Bounds one round. */
  readonly rounds: number;
}): Promise<void> {
  const { redis, keys, scripts, shelves, keepMs, rounds } = options;
  for (const shelf of shelves) {
    for (let round = 0; round < rounds; round += 1) {
      if (Number(await runScript(redis, scripts["forget-online"], [keys.root], [shelf, AT_MOST, keepMs])) < AT_MOST)
        break;
    }
  }
}

function fieldsOf(job: NewOnlineJob): (string | number)[] {
  const terms = Object.entries(job.labels).map(([name, value]) => `${name}=${value}`);
  return [
    ...["task", job.task, "definition", job.definition, "idempotent", job.idempotent ? "1" : ""],
    ...["input", job.input, "by", job.by, "pool", "default", "priority", 0, "maxRetries", 0],
    ...["labels", JSON.stringify(job.labels), "labelTerms", terms.join("\n")],
    ...(job.traceparent === null ? [] : ["traceparent", job.traceparent]),
    ...(job.createdAtMs === undefined ? [] : ["createdAt", Math.round(job.createdAtMs)]),
    ...(job.sending === undefined ? [] : ["sending", job.sending]),
  ];
}

function endingText(ending: OnlineEnding): string {
  const { kind, payload = "", reason = "", pauseMs = 0, ran, worker, attempts } = ending;
  return JSON.stringify({ kind, payload, reason, pauseMs, ran: ran ? "1" : "", worker: worker ?? "", attempts });
}

const newToken = (): string => randomBytes(12).toString("hex");

const recordOf = (flat: ScriptReply | undefined): RawJob =>
  (Array.isArray(flat) ? unflatten(flat.map(String)) : null) ?? {};

function leaseOf(record: RawJob, token: string): OnlineLease {
  const fence = { generation: Number(record["fenceGeneration"]), counter: Number(record["fenceCounter"]), token };
  return { job: record["id"] ?? "", fence, record };
}

/** The script itself refused, so nothing happened. */
function tooLate(id: string): RedisFault {
  const fault = new RedisFault("unavailable", new Error("the write reached Redis too late and was refused there"));
  fault.job = id;
  return fault;
}
