/**
 * The agent's side of leases: every write for an attempt goes through here, and is fenced by its script.
 *
 * E1 A write names generation, counter and token; the script demands that all equal the record's (F2).
 * E2 An answer that does not come is not a refusal: the caller asks again, the scripts bear repetition.
 */
import { randomBytes } from "node:crypto";
import type { CheckpointCost, CheckpointInterval } from "../domain/checkpoint-interval.ts";
import type { CheckpointDrop } from "../domain/checkpoint-trouble.ts";
import type { AttemptAccount } from "../domain/goodput.ts";
import { problem } from "../contract/problem.ts";
import { fenceText, type Fence } from "../domain/fence.ts";
import { backoffMs, type BackoffRule } from "../domain/retry.ts";
import type { Intent } from "../domain/job-state.ts";
import type { JobReason } from "../domain/job-reason.ts";
import { classifyRedisError, RedisFault } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript, type Script, type ScriptReply } from "../redis/script.ts";
import type { ScriptWriter } from "../redis/script-writer.ts";
import { CheckpointPins } from "./checkpoint-pins.ts";
import type { FencedReply } from "./fenced-reply.ts";
import { readParents, readPublisher } from "./parents.ts";
import { lineageOf } from "./lineage.ts";
import { toArtifact, unflatten, type RawJob, type StoredCheckpoint } from "./record.ts";
import type { BatchScripts } from "./scripts.ts";
import { VoidLeases } from "./void-leases.ts";
import { ticketOf, type DrawnTicket, type TicketQueues } from "./tickets.ts";

export interface Holder {
  readonly workerId: string;
  /** Random, new with every start of the agent. */
  readonly boot: string;
  readonly zone: string;
}

export interface Lease {
  readonly job: string;
  readonly fence: Fence;
  readonly record: RawJob;
  /** Committed checkpoints along the lineage, newest first. */
  readonly lineage: readonly StoredCheckpoint[];
}

export type LeaseOutcome =
  { readonly kind: "granted"; readonly lease: Lease } | { readonly kind: "refused"; readonly why: string };

export type Renewal =
  | {
      readonly kind: "held";
      readonly intent: Intent | null;
      /** Grows with every request for a checkpoint. */
      readonly checkpointRequest: number;
      readonly stopGraceMs: number | null;
      /** How often a worker of this fleet is lost, ms; null: nobody has counted yet. */
      readonly mtbfMs: number | null;
    }
  /**
   * Redis has lost its memory, and remembers this attempt as the owner: it may be affirmed (`void-leases.ts`). Leases of
   * generations `below` are void; the record's next checkpoint is `nextSeq`.
   */
  | { readonly kind: "void"; readonly below: number; readonly nextSeq: number }
  | { readonly kind: "lost" };

/** A failure that is about to be reported, and the record as it was leased. */
export interface Failing {
  readonly fault: string;
  readonly record: RawJob;
}

export interface ProgressReport {
  readonly completed: number;
  readonly total: number | null;
  readonly unit: string;
  readonly ratePerSecond: number | null;
}

/** How long it computes between checkpoints, and what that was chosen from. */
export interface IntervalReport extends CheckpointInterval {
  readonly cost: CheckpointCost | null;
}

/** What an attempt tells with each renewal; null: nothing yet. */
export interface AttemptReport {
  readonly progress: ProgressReport | null;
  readonly interval: IntervalReport | null;
  /** Where its time went so far. */
  readonly account: AttemptAccount | null;
}

/** A look at the lease that leaves nothing. */
export const NOTHING_NEW: AttemptReport = { progress: null, interval: null, account: null };

export interface CommittedArtifact {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface CheckpointCommit {
  readonly seq: number;
  readonly parent: number | null;
  readonly manifest: string;
  readonly manifestSha256: string;
  readonly bytes: number;
  readonly progress: { readonly completed: number } | null;
  readonly artifacts: readonly CommittedArtifact[];
  readonly account: AttemptAccount;
}

export type Fault = "error" | "refused" | "not_retryable" | "timed_out" | "checkpoints_unreadable";

/** Why a checkpoint cannot be started from: it was read and is not what it was, or it was not found. */
export type Unusable = "damaged" | "absent";

export type EndOfAttempt =
  | { readonly kind: "succeeded"; readonly output: string; readonly artifacts: readonly CommittedArtifact[] }
  | { readonly kind: "failed"; readonly fault: Fault; readonly message: string; readonly retryAfterMs: number | null }
  | { readonly kind: "interrupted"; readonly reason: JobReason }
  | { readonly kind: "runner_lost"; readonly detail: string };

export interface LeaseDeskOptions {
  readonly redis: RedisClient;
  /** Grants and ends of attempts, as durable as is wanted. */
  readonly writer: ScriptWriter;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly tickets: TicketQueues;
  readonly holder: Holder;
  /** Redis' clock as it is known here, for times that people read. */
  readonly redisNowMs: () => number;
  readonly random: () => number;
  readonly garbageDelayMs: number;
  readonly onTicketError: (error: unknown) => void;
}

export class LeaseDesk {
  readonly #options: LeaseDeskOptions;
  readonly #pins: CheckpointPins;
  readonly voids: VoidLeases;

  constructor(options: LeaseDeskOptions) {
    this.#options = options;
    this.voids = new VoidLeases({ ...options, workerId: options.holder.workerId });
    this.#pins = new CheckpointPins(options);
  }

  /**
   * Asks for the lease that a drawn ticket hints at.
   * @param elsewhere whether another worker could take it now: only then is a job kept away from where it failed
   * @throws what Redis says
   */
  async lease(ticket: Pick<DrawnTicket, "job" | "ready">, elsewhere: "others" | "alone"): Promise<LeaseOutcome> {
    const { holder, redis, keys, scripts } = this.#options;
    const token = randomBytes(12).toString("hex");
    const reply = await this.#settle(scripts.lease, [
      ticket.job,
      ticket.ready,
      holder.workerId,
      holder.boot,
      holder.zone,
      token,
      elsewhere,
    ]);
    const [kind, ...rest] = reply;
    if (kind !== "granted") return { kind: "refused", why: String(rest[0]) };
    const record = unflatten(rest.map(String)) ?? {};
    const fence = { generation: Number(record["fenceGeneration"]), counter: Number(record["fenceCounter"]), token };
    const stored = await redis.hgetall(keys.checkpoints(ticket.job));
    return { kind: "granted", lease: { job: ticket.job, fence, record, lineage: lineageOf(record, stored) } };
  }

  /**
   * Leases of this start of the worker that it does not know of: the answer to `lease` was lost on its way.
   * @param held jobs whose leases it knows of @throws what Redis says
   */
  async unknownLeases(held: ReadonlySet<string>): Promise<readonly Omit<Lease, "lineage">[]> {
    const { holder, redis, keys } = this.#options;
    const indexes = ["running", "stopping"].map((state) => keys.index(`s=${state}&w=${holder.workerId}`));
    const ids = await Promise.all(indexes.map((index) => redis.zrange(index, "-", "+", "BYLEX", "LIMIT", 0, 1_000)));
    const unknown: Omit<Lease, "lineage">[] = [];
    for (const job of ids.flat().filter((id) => !held.has(id))) {
      const record = await redis.hgetall(keys.job(job));
      if (record["boot"] !== holder.boot || record["worker"] !== holder.workerId) continue;
      const { fenceGeneration, fenceCounter, fenceToken: token = "" } = record;
      unknown.push({
        job,
        record,
        fence: { generation: Number(fenceGeneration), counter: Number(fenceCounter), token },
      });
    }
    return unknown;
  }

  /** Looks at one lease and leaves there what is new. @throws what Redis says */
  async renew(job: string, fence: Fence, report: AttemptReport): Promise<Renewal> {
    const reply = await this.#run(this.#options.scripts.renew, [
      ...fenced(job, fence),
      textOf(report.progress),
      textOf(report.interval),
      textOf(report.account),
    ]);
    const [kind, intent, request, grace, mtbf] = reply;
    if (kind === "void") return { kind: "void", below: Number(intent), nextSeq: Number(request) };
    if (kind !== "held") return { kind: "lost" };
    return {
      kind: "held",
      intent: intent === "" ? null : (intent as Intent),
      checkpointRequest: Number(request),
      stopGraceMs: grace === "" ? null : Number(grace),
      mtbfMs: mtbf === "" ? null : Number(mtbf),
    };
  }

  /**
   * Does the attempt hold its lease still?
   * @param failing when it is about to fail: the reply says whether that would end the job
   */
  async verify(job: string, fence: Fence, failing: Failing | null = null): Promise<FencedReply> {
    return this.#fenced(async () => {
      const reply = await this.#run(this.#options.scripts.verify, fenced(job, fence));
      if (reply[0] !== 1) return refused("the lease is another's");
      return failing === null ? { kind: "ok" } : { kind: "ok", final: endsJob(failing) };
    });
  }

  /** The latest committed checkpoint of any job, pinned, for a task that looks at another's. */
  async latest(job: string): Promise<FencedReply> {
    return this.#fenced(async () => ({ kind: "ok", latest: await this.#pins.latest(job) }));
  }

  /** The version of an artifact that any job has committed, for a task that takes it as its input. */
  async artifact(job: string, name: string): Promise<FencedReply> {
    const { redis, keys } = this.#options;
    return this.#fenced(async () => {
      const stored = await redis.hget(keys.artifacts(job), name);
      if (stored === null) return { kind: "ok", artifact: null, publisher: await readPublisher(redis, keys, job) };
      const { sha256, bytes } = toArtifact(name, stored);
      return { kind: "ok", artifact: { sha256, bytes } };
    });
  }

  /** What the jobs have come to that a leased one waited for. */
  async parents(record: RawJob): Promise<FencedReply> {
    const { redis, keys } = this.#options;
    return this.#fenced(async () => ({ kind: "ok", parents: await readParents(redis, keys, record) }));
  }

  async commit(job: string, fence: Fence, attempt: number, commit: CheckpointCommit): Promise<FencedReply> {
    const { scripts, garbageDelayMs } = this.#options;
    const at = Math.round(this.#options.redisNowMs());
    const stored: StoredCheckpoint = {
      seq: commit.seq,
      at,
      bytes: commit.bytes,
      progress: commit.progress?.completed ?? null,
      fence: fenceText(fence),
      attempt,
      parent: commit.parent,
      state: "committed",
      manifest: commit.manifest,
      manifestSha256: commit.manifestSha256,
    };
    return this.#fenced(async () => {
      const [kind, first, second, third] = await this.#run(scripts.commit, [
        ...fenced(job, fence),
        commit.seq,
        JSON.stringify(stored),
        commit.progress?.completed ?? "",
        commit.bytes,
        commit.manifest,
        commit.manifestSha256,
        garbageDelayMs,
        JSON.stringify(commit.account),
        ...artifactFields(commit.artifacts, at, attempt),
      ]);
      if (kind !== "committed") return refused(String(first));
      return { kind: "ok", garbage: texts(first), kept: texts(second), oldArtifacts: texts(third) };
    });
  }

  /** @param why what is absent is set aside only when others could not find it either (`set-aside.lua`) */
  setAside(job: string, fence: Fence, seq: number, detail: string, why: Unusable = "damaged"): Promise<FencedReply> {
    return this.#okOrRefused("set-aside", [...fenced(job, fence), seq, detail, why]);
  }

  /** Counts a checkpoint that could not be taken, the `n`-th of the attempt. */
  dropCheckpoint(job: string, fence: Fence, n: number, why: CheckpointDrop, detail: string): Promise<FencedReply> {
    return this.#okOrRefused("drop-checkpoint", [...fenced(job, fence), n, why, detail]);
  }

  /**
   * Ends the attempt. A failure's pause before the retry is chosen here.
   * @param record the record as it was leased
   */
  async end(job: string, fence: Fence, record: RawJob, end: EndOfAttempt, report: AttemptReport): Promise<FencedReply> {
    const attempt = Number(record["attempts"]);
    const at = Math.round(this.#options.redisNowMs());
    return this.#fenced(async () => {
      const [kind, , ticket] = await this.#settle(this.#options.scripts.finish, [
        ...fenced(job, fence),
        end.kind,
        payloadOf(end),
        end.kind === "failed" ? end.fault : "",
        end.kind === "failed" ? Math.round(this.#pauseMs(record, end.retryAfterMs)) : 0,
        textOf(report.progress),
        end.kind === "interrupted" ? end.reason : "",
        textOf(report.account),
        ...(end.kind === "succeeded" ? artifactFields(end.artifacts, at, attempt) : []),
      ]);
      if (kind !== "ok") return refused("the lease is another's");
      await this.#addTicket(ticket);
      return { kind: "ok" };
    });
  }

  #pauseMs(record: RawJob, wantedMs: number | null): number {
    const rule = JSON.parse(record["backoff"] ?? "null") as BackoffRule | null;
    const pause = rule === null ? 1_000 : backoffMs(rule, Number(record["retries"]) + 1, this.#options.random());
    return Math.max(pause, wantedMs ?? 0);
  }

  async #addTicket(reply: ScriptReply | undefined): Promise<void> {
    const ticket = ticketOf(reply);
    // A ticket that cannot be added now is the caretaker's (J2).
    if (ticket !== null) await this.#options.tickets.add([ticket]).catch(this.#options.onTicketError);
  }

  /** As `#run`, for what somebody relies on afterwards. */
  async #settle(script: Script, args: readonly (string | number)[]): Promise<ScriptReply[]> {
    return settled(await this.#options.writer.run(script, [this.#options.keys.root], args));
  }

  async #run(script: Script, args: readonly (string | number)[]): Promise<ScriptReply[]> {
    return settled(await runScript(this.#options.redis, script, [this.#options.keys.root], args));
  }

  #okOrRefused(script: "set-aside" | "drop-checkpoint", args: readonly (string | number)[]): Promise<FencedReply> {
    return this.#fenced(async () => {
      const [kind, why] = await this.#run(this.#options.scripts[script], args);
      if (kind === "elsewhere") return { kind: "ok", elsewhere: true };
      return kind === "ok" ? { kind: "ok" } : refused(String(why));
    });
  }

  /** E2 */
  async #fenced(operation: () => Promise<FencedReply>): Promise<FencedReply> {
    try {
      return await operation();
    } catch (error) {
      const fault = classifyRedisError(error);
      if (fault === null) throw error;
      return { kind: "unreachable", detail: fault.message };
    }
  }
}

/** @throws RedisFault while it is not known whether this Redis has lost its memory (N2): ask again */
function settled(reply: ScriptReply): ScriptReply[] {
  const parts = Array.isArray(reply) ? reply : [reply];
  if (parts[0] !== "unsettled") return parts;
  throw new RedisFault("unavailable", new Error("Redis was started anew, and may have lost its memory"));
}

/** E1 */
const fenced = (job: string, fence: Fence): (string | number)[] => [job, fence.generation, fence.counter, fence.token];
const refused = (detail: string): FencedReply => ({ kind: "refused", detail });
const textOf = (value: object | null): string => (value === null ? "" : JSON.stringify(value));
const texts = (reply: ScriptReply | undefined): string[] => (Array.isArray(reply) ? reply.map(String) : []);

function artifactFields(artifacts: readonly CommittedArtifact[], at: number, attempt: number): string[] {
  return artifacts.flatMap(({ name, sha256, bytes }) => [name, JSON.stringify({ sha256, bytes, at, attempt })]);
}

/** As `finish.lua` decides it. Retries are counted at the end of an attempt, so the leased record has the number. */
function endsJob({ fault, record }: Failing): boolean {
  if (fault !== "error" && fault !== "timed_out") return true;
  return Number(record["retries"]) + 1 > Number(record["maxRetries"]);
}

function payloadOf(end: EndOfAttempt): string {
  switch (end.kind) {
    case "succeeded":
      return end.output;
    case "failed":
      return JSON.stringify(problem(end.fault === "refused" ? "input_refused" : "task_failed", end.message));
    case "interrupted":
      return "";
    case "runner_lost":
      return end.detail;
  }
}
