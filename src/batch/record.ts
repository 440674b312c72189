/**
 * The record of a job as Redis keeps it, and the job as clients see it.
 *
 * Fields are text; empty means absent. Input and output are kept as the text that came.
 */
import type { Artifact, Attempt, Checkpoint, Job } from "../contract/job.ts";
import type { CheckpointCost, CheckpointInterval } from "../domain/checkpoint-interval.ts";
import { CHECKPOINT_TROUBLES, type CheckpointTrouble } from "../domain/checkpoint-trouble.ts";
import type { AttemptSpent } from "../domain/goodput.ts";
import { JOB_REASONS, reasonSentence, type JobReason } from "../domain/job-reason.ts";
import { isFinal, LEASED_STATES, type JobState } from "../domain/job-state.ts";
import { timeSpentOf, toAttemptGoodput, toGoodput } from "./time-spent.ts";

export type RawJob = Readonly<Record<string, string>>;

/** Fields that say how far a job is, and who has it. All others say what was asked for. */
const STATE_FIELDS: ReadonlySet<string> = new Set([
  ...["state", "stateAt", "reason", "worker", "boot", "zone", "attempts", "retries", "round", "strikes", "ready"],
  ...["fenceGeneration", "fenceCounter", "fenceToken", "endedToken", "staleWritesRefused", "nextSeq", "events"],
  ...["intent", "stopReason", "stopGraceMs", "stopAskedAt", "avoid", "avoidUntil", "checkpointRequest", "dueAt"],
  ...["ckSeq", "ckAt", "ckBytes", "ckProgress", "ckManifest", "ckSha", "progress", "output", "error", "interval"],
  ...["ckDropped", "ckDropOf", "ckSetAside", "ckTroubleAt", "ckTroubleWhy", "ckTroubleDetail"],
  ...["startedAt", "finishedAt", "leasedAt", "renewedAt", "account"],
]);

/** What was asked for: the part of a record that the checkpoint store keeps too. */
export function submissionOf(raw: RawJob): RawJob {
  const wanted = (field: string): boolean => !STATE_FIELDS.has(field) && !field.startsWith("spent_");
  return Object.fromEntries(Object.entries(raw).filter(([field]) => wanted(field)));
}

/** Redis' flat reply as a record; null when there is nothing. */
export function unflatten(flat: readonly string[]): RawJob | null {
  if (flat.length === 0) return null;
  const raw: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) raw[flat[i] ?? ""] = flat[i + 1] ?? "";
  return raw;
}

const text = (value: string | undefined): string | null => (value === undefined || value === "" ? null : value);
const number = (value: string | undefined): number | null =>
  value === undefined || value === "" ? null : Number(value);
const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
const json = (value: string | undefined): unknown => (value === undefined || value === "" ? null : JSON.parse(value));

/** As the keeper chose it, and what it had measured for that. */
interface StoredInterval extends CheckpointInterval {
  readonly cost: CheckpointCost | null;
}

interface StoredProgress {
  readonly completed: number;
  readonly total: number | null;
  readonly unit: string;
  readonly ratePerSecond?: number | null;
}

/** What checkpoints of the job cost, as its attempts have measured it; null before the first. */
export function costOf(raw: RawJob): CheckpointCost | null {
  return (json(raw["interval"]) as StoredInterval | null)?.cost ?? null;
}

/** A record may have a reason that a newer process wrote. */
function reasonText(reason: string | null, standing: Parameters<typeof reasonSentence>[1]): string | null {
  return reason === null || !(reason in JOB_REASONS) ? null : reasonSentence(reason as JobReason, standing);
}

function intervalOf(raw: RawJob): Job["checkpointInterval"] {
  const stored = json(raw["interval"]) as StoredInterval | null;
  if (stored === null) return null;
  const { ms, costMs, mtbfMs, why } = stored;
  return { ms, costMs, mtbfMs, why };
}

function troubleOf(raw: RawJob): Job["checkpointTrouble"] {
  const at = time(number(raw["ckTroubleAt"]));
  if (at === null) return null;
  const why = raw["ckTroubleWhy"] ?? "";
  return {
    dropped: number(raw["ckDropped"]) ?? 0,
    setAside: number(raw["ckSetAside"]) ?? 0,
    last: {
      at,
      why,
      // A record may tell of a trouble that a newer process knows.
      text: why in CHECKPOINT_TROUBLES ? CHECKPOINT_TROUBLES[why as CheckpointTrouble] : why,
      detail: raw["ckTroubleDetail"] ?? "",
    },
  };
}

/** The job of a record. @param nowMs Redis' clock, for the time of a batch job until now; null: until its record was last written to */
export function toJob(raw: RawJob, nowMs: number | null = null): Job {
  const state = (raw["state"] ?? "queued") as JobState;
  const progress = json(raw["progress"]) as StoredProgress | null;
  const ckSeq = number(raw["ckSeq"]);
  return {
    id: raw["id"] ?? "",
    task: raw["task"] ?? "",
    class: raw["class"] === "online" ? "online" : "batch",
    state,
    reason: text(raw["reason"]) as JobReason | null,
    reasonText: reasonText(text(raw["reason"]), { state, checkpoint: ckSeq }),
    input: json(raw["input"]) as Job["input"],
    output: json(raw["output"]) as Job["output"],
    error: json(raw["error"]) as Job["error"],
    progress: progress === null ? null : withRate(progress, state),
    checkpoint:
      ckSeq === null
        ? null
        : {
            seq: ckSeq,
            at: time(number(raw["ckAt"])) ?? new Date(0).toISOString(),
            bytes: number(raw["ckBytes"]) ?? 0,
            progress: number(raw["ckProgress"]),
          },
    checkpointInterval: intervalOf(raw),
    checkpointTrouble: troubleOf(raw),
    worker: text(raw["worker"]),
    zone: text(raw["zone"]),
    attempts: number(raw["attempts"]) ?? 0,
    retries: number(raw["retries"]) ?? 0,
    staleWritesRefused: number(raw["staleWritesRefused"]) ?? 0,
    createdAt: time(number(raw["createdAt"])) ?? new Date(0).toISOString(),
    startedAt: time(number(raw["startedAt"])),
    finishedAt: time(number(raw["finishedAt"])),
    runAt: time(number(raw["runAt"])),
    deadlineAt: time(number(raw["deadlineAt"])),
    timeoutMs: number(raw["timeoutMs"]),
    maxRetries: number(raw["maxRetries"]) ?? 0,
    priority: number(raw["priority"]) ?? 0,
    pool: raw["pool"] ?? "default",
    labels: (json(raw["labels"]) ?? {}) as Job["labels"],
    array:
      text(raw["array"]) === null
        ? null
        : { id: raw["array"] ?? "", index: Number(raw["arrayIndex"]), count: Number(raw["arrayCount"]) },
    caller: text(raw["caller"]),
    forkOf: text(raw["forkOf"]),
    dependsOn: (json(raw["dependsOn"]) ?? []) as Job["dependsOn"],
    goodput: raw["class"] === "batch" ? toGoodput(timeSpentOf(raw, nowMs)) : null,
  };
}

function withRate(progress: StoredProgress, state: JobState): NonNullable<Job["progress"]> {
  const { completed, total, unit } = progress;
  const fraction = total === null || total <= 0 ? null : Math.min(1, completed / total);
  const rate = (LEASED_STATES as readonly JobState[]).includes(state) ? (progress.ratePerSecond ?? null) : null;
  const left = total === null || isFinal(state) ? null : total - completed;
  const etaMs = left === null || rate === null || rate <= 0 ? null : Math.max(0, Math.round((left / rate) * 1000));
  return { completed, total, unit, fraction, ratePerSecond: rate, etaMs };
}

/** Attempts of batch jobs have none of what tells how an online request was answered. */
type OfOnline = "why" | "replica" | "queueMs" | "runMs";
type StoredAttempt = Omit<Attempt, "startedAt" | "endedAt" | "goodput" | OfOnline> &
  Partial<Pick<Attempt, OfOnline>> & {
    readonly startedAt: number;
    readonly endedAt: number | null;
    readonly spent?: AttemptSpent;
  };

/** An attempt as the scripts wrote it. */
export function toAttempt(stored: string): Attempt {
  const value = JSON.parse(stored) as StoredAttempt;
  return {
    number: value.number,
    fence: value.fence,
    worker: value.worker,
    zone: value.zone,
    startedAt: new Date(value.startedAt).toISOString(),
    endedAt: time(value.endedAt),
    fromCheckpoint: value.fromCheckpoint,
    lastCheckpoint: value.lastCheckpoint,
    outcome: value.outcome,
    reason: value.reason,
    why: value.why ?? null,
    replica: value.replica ?? null,
    queueMs: value.queueMs ?? null,
    runMs: value.runMs ?? null,
    goodput: value.spent === undefined ? null : toAttemptGoodput(value.spent),
  };
}

/** A checkpoint as `commit.lua` keeps it. */
export interface StoredCheckpoint {
  readonly seq: number;
  readonly at: number;
  readonly bytes: number;
  readonly progress: number | null;
  readonly fence: string;
  readonly attempt: number;
  readonly parent: number | null;
  readonly state: "committed" | "set_aside";
  readonly manifest: string;
  readonly manifestSha256: string;
  /** The job whose files these are; absent for the job's own. */
  readonly of?: string;
}

export function toCheckpoint(stored: string): Checkpoint {
  const { seq, at, bytes, progress, fence, attempt, parent, state, manifest } = JSON.parse(stored) as StoredCheckpoint;
  return { seq, at: new Date(at).toISOString(), bytes, progress, fence, attempt, parent, state, manifest };
}

export function toArtifact(name: string, stored: string): Artifact {
  const value = JSON.parse(stored) as { sha256: string; bytes: number; at: number; attempt: number };
  return {
    name,
    bytes: value.bytes,
    sha256: value.sha256,
    at: new Date(value.at).toISOString(),
    attempt: value.attempt,
  };
}
