/**
 * Makes the records of jobs again from what they left in the checkpoint store, when Redis has lost them altogether.
 *
 * RB1 A record that exists is never touched: the script looks and makes in one. So it may be run again, and beside a
 *     fleet that serves already. One that was forgotten, and whose files are still to be deleted, stays forgotten.
 * RB2 No fence is handed out twice: the generation is raised before the first record is made.
 * RB3 An outcome that stands is adopted; a job that was stopped or ended otherwise is what its mark says; every other
 *     job is queued.
 * RB4 It continues from the newest checkpoint of its last attempt, or from where that began. Was its commit still under
 *     way, then it is taken too: it is whole, and of this job. Files are verified when an attempt starts on them.
 */
import {
  byFence,
  jobsIn,
  openCheckpoint,
  readOutcome,
  readTraces,
  storeNames,
  type AttemptTrace,
  type CheckpointStore,
  type JobTraces,
  type Manifest,
  type MarkTrace,
  type Outcome,
} from "../checkpoints/checkpoints.ts";
import { problem } from "../contract/problem.ts";
import type { JobEvent, JobState } from "../domain/job-state.ts";
import { parseFenceText } from "../domain/fence.ts";
import type { JobReason } from "../domain/job-reason.ts";
import type { RedisClient } from "../redis/connection.ts";
import type { Keys } from "../redis/keys.ts";
import { runScript } from "../redis/script.ts";
import type { RawJob, StoredCheckpoint } from "./record.ts";
import type { BatchScripts } from "./scripts.ts";
import { ticketOf, type TicketQueues } from "./tickets.ts";

/** The record that would be made of a job. */
export interface RebuiltJob {
  readonly id: string;
  readonly task: string;
  readonly state: JobState;
  readonly reason: JobReason | null;
  /** Newest first: what it may continue from. */
  readonly lineage: readonly StoredCheckpoint[];
  readonly fields: RawJob;
  readonly attempts: Readonly<Record<string, string>>;
  readonly artifacts: Readonly<Record<string, string>>;
  /** The way into `state` along the table (S1). */
  readonly birth: { readonly from: JobState; readonly event: JobEvent };
  readonly finishedAt: number | null;
}

/** Does it stand on a checkpoint of another job (RB5)? */
export function standsOnAnother({ lineage }: RebuiltJob): boolean {
  return lineage.some(({ of }) => of !== undefined);
}

export type Found =
  | { readonly kind: "rebuildable"; readonly job: RebuiltJob }
  /** Its record is there: nothing to do (RB1). */
  | { readonly kind: "live"; readonly id: string }
  | { readonly kind: "hopeless"; readonly id: string; readonly why: string };

export interface RebuildOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly store: CheckpointStore;
}

/** Looks at every job that left something in the store. Changes nothing. @throws StoreFault, and what Redis says */
export async function* findLostJobs({ redis, keys, store }: RebuildOptions): AsyncIterable<Found> {
  for await (const id of jobsIn(store)) {
    if ((await redis.zscore(keys.purge, id)) !== null) continue; // RB1
    if ((await redis.exists(keys.job(id))) === 1) yield { kind: "live", id };
    else yield await lookAt(store, id);
  }
}

export interface ApplyOptions extends RebuildOptions {
  readonly scripts: BatchScripts;
  readonly tickets: TicketQueues;
}

/**
 * Makes the record of a job, unless there is one (RB1). The generation must have been settled before (RB2).
 * @throws what Redis says
 */
export async function rebuildJob(job: RebuiltJob, options: ApplyOptions): Promise<"made" | "live"> {
  const { redis, keys, scripts, tickets } = options;
  const parts = {
    checkpoints: Object.fromEntries(job.lineage.map((one) => [String(one.seq), JSON.stringify(one)])),
    attempts: job.attempts,
    artifacts: job.artifacts,
  };
  const reply = await runScript(
    redis,
    scripts.rebuild,
    [keys.root],
    [
      ...[job.id, job.birth.from, job.birth.event, job.reason ?? "", job.finishedAt ?? "", JSON.stringify(parts)],
      ...Object.entries(job.fields).flat(),
    ],
  );
  if (!Array.isArray(reply) || reply[0] !== "made") return "live";
  const ticket = ticketOf(reply[1]);
  if (ticket !== null) await tickets.add([ticket]);
  return "made";
}

async function lookAt(store: CheckpointStore, id: string): Promise<Found> {
  const traces = await readTraces(store, id);
  const last = traces.attempts.at(-1);
  if (traces.submission === null || last === undefined) {
    return { kind: "hopeless", id, why: "the store does not have what was submitted" };
  }
  const standing = await readOutcome(store, id, last.round);
  const outcome = standing.kind === "stands" ? standing.outcome : null;
  const manifests = await manifestsOf(store, id);
  const lineage = await lineageOf(store, id, last, manifests);
  const artifacts = await artifactsOf(store, id, { outcome, newest: lineage[0]?.manifest ?? null, last });
  return {
    kind: "rebuildable",
    job: rebuiltJob(id, {
      traces,
      last,
      outcome,
      lineage: lineage.map((one) => storedCheckpoint(id, one)),
      artifacts,
      lastSeq: Math.max(0, ...manifests.map(({ seq }) => seq)),
    }),
  };
}

interface Opened {
  readonly name: string;
  readonly sha256: string;
  readonly manifest: Manifest;
}

/** RB4, and from there along `parent` as far as there is something whole, of this job (RB5). Newest first. */
async function lineageOf(
  store: CheckpointStore,
  id: string,
  last: AttemptTrace,
  manifests: readonly ManifestName[],
): Promise<Opened[]> {
  const lineage: Opened[] = [];
  let next = await newestOf(store, last, manifests);
  if (next === null && last.from !== null) {
    const { manifest, sha256 } = last.from;
    next = await opened(store, manifest, sha256);
  }
  while (next !== null) {
    lineage.push(next);
    const parent: Manifest["parent"] = next.manifest.job === id ? next.manifest.parent : null;
    next = parent === null ? null : await opened(store, parent.manifest, parent.sha256);
  }
  return lineage;
}

interface ManifestName {
  readonly name: string;
  readonly seq: number;
  readonly trial: number;
  readonly writer: string;
}

/** What the job has in the store, committed or not. */
async function manifestsOf(store: CheckpointStore, id: string): Promise<ManifestName[]> {
  const manifests: ManifestName[] = [];
  for await (const name of store.list(storeNames.manifestFolder(id))) {
    const [, seq, fence, token, trial = "0"] = /\/(\d+)-([\d.]+)-([^-/]+)(?:-(\d+))?\.json$/.exec(name) ?? [];
    if (seq === undefined) continue;
    manifests.push({ name, seq: Number(seq), trial: Number(trial), writer: `${fence}-${token}` });
  }
  return manifests;
}

/** The checkpoint with the highest number, and of those the last trial, that the attempt stored whole. */
async function newestOf(
  store: CheckpointStore,
  { fence, token }: AttemptTrace,
  manifests: readonly ManifestName[],
): Promise<Opened | null> {
  const own = manifests.filter(({ writer }) => writer === `${fence}-${token}`);
  for (const { name } of own.sort((a, b) => b.seq - a.seq || b.trial - a.trial)) {
    const one = await opened(store, name, null);
    if (one !== null) return one;
  }
  return null;
}

async function opened(store: CheckpointStore, name: string, sha256: string | null): Promise<Opened | null> {
  const opening = await openCheckpoint(store, name, sha256);
  return opening.kind === "ok" ? opening.checkpoint : null;
}

function storedCheckpoint(id: string, { name, sha256, manifest }: Opened): StoredCheckpoint {
  const foreign = manifest.job !== id; // RB5
  return {
    seq: manifest.seq,
    at: Date.parse(manifest.createdAt),
    bytes: manifest.bytes,
    progress: manifest.progress?.completed ?? null,
    fence: manifest.fence,
    attempt: manifest.attempt,
    parent: foreign ? null : (manifest.parent?.seq ?? null),
    state: "committed",
    manifest: name,
    manifestSha256: sha256,
    ...(foreign ? { of: manifest.job } : {}),
  };
}

/** What the outcome and the newest checkpoint name, and the store has; else, where there is one version only, that. */
async function artifactsOf(
  store: CheckpointStore,
  id: string,
  known: { readonly outcome: Outcome | null; readonly newest: Manifest | null; readonly last: AttemptTrace },
): Promise<Record<string, string>> {
  const { outcome, newest, last } = known;
  const versions = new Map<string, string[]>();
  for await (const name of store.list(storeNames.artifactFolder(id))) {
    const [artifact = "", sha256 = ""] = name.slice(storeNames.artifactFolder(id).length).split("/");
    versions.set(artifact, [...(versions.get(artifact) ?? []), sha256]);
  }
  const named = [...(newest?.artifacts ?? []), ...(outcome?.end.kind === "succeeded" ? outcome.end.artifacts : [])];
  const there = named.filter(({ name, sha256 }) => versions.get(name)?.includes(sha256) === true);
  const chosen = new Map(there.map((artifact) => [artifact.name, artifact]));
  for (const [name, [sha256, ...others]] of versions) {
    if (chosen.has(name) || sha256 === undefined || others.length > 0) continue;
    const entry = await store.stat(storeNames.artifactName(id, name, sha256));
    if (entry !== null) chosen.set(name, { name, sha256, bytes: entry.bytes });
  }
  const at = Date.parse(outcome?.at ?? newest?.createdAt ?? last.startedAt);
  const attempt = outcome?.attempt ?? newest?.attempt ?? last.attempt;
  return Object.fromEntries(
    [...chosen.values()].map(({ name, sha256, bytes }) => [name, JSON.stringify({ sha256, bytes, at, attempt })]),
  );
}

interface Known {
  readonly traces: JobTraces;
  readonly last: AttemptTrace;
  readonly outcome: Outcome | null;
  readonly lineage: readonly StoredCheckpoint[];
  readonly artifacts: Readonly<Record<string, string>>;
  /** Highest number of a checkpoint in the store; 0: there is none. */
  readonly lastSeq: number;
}

/** The record of a job from its traces. Pure. */
export function rebuiltJob(id: string, { traces, last, outcome, lineage, artifacts, lastSeq }: Known): RebuiltJob {
  const mark = outcome === null ? markThatCounts(traces.marks, last) : null;
  const end = endOf(outcome, mark);
  const newest = lineage[0];
  const progress = outcome?.end.kind === "succeeded" ? outcome.end.progress : null;
  const fields: Record<string, string> = {
    ...traces.submission?.record,
    attempts: String(Math.max(...traces.attempts.map(({ attempt }) => attempt))),
    round: String(Math.max(last.round, mark?.round ?? 0)),
    startedAt: String(Date.parse(traces.attempts[0]?.startedAt ?? last.startedAt)),
    fenceGeneration: String(parseFenceText(last.fence)?.generation ?? 0),
    fenceCounter: String(parseFenceText(last.fence)?.counter ?? 0),
    // Numbers of checkpoints are not used twice, those of checkpoints that are gone included.
    nextSeq: String(Math.max(lastSeq, newest?.seq ?? 0, ...traces.attempts.map(({ from }) => from?.seq ?? 0)) + 1),
    output: outcome?.end.kind === "succeeded" ? outcome.end.output : "",
    error: errorOf(outcome, mark),
    progress: progress === null ? "" : JSON.stringify(progress),
  };
  if (newest !== undefined) {
    fields["ckSeq"] = String(newest.seq);
    fields["ckAt"] = String(newest.at);
    fields["ckBytes"] = String(newest.bytes);
    fields["ckProgress"] = newest.progress === null ? "" : String(newest.progress);
    fields["ckManifest"] = newest.manifest;
    fields["ckSha"] = newest.manifestSha256;
  }
  if (end.finishedAt !== null) fields["worker"] = last.worker;
  return {
    id,
    task: fields["task"] ?? "",
    ...end,
    lineage,
    fields,
    artifacts,
    attempts: Object.fromEntries(traces.attempts.map((one) => [String(one.attempt), attemptText(one, outcome)])),
  };
}

/** The newest mark, if no attempt began after it. */
function markThatCounts(marks: readonly MarkTrace[], last: AttemptTrace): MarkTrace | null {
  const mark = marks.at(-1);
  return mark !== undefined && byFence(mark, last) >= 0 && mark.round >= last.round ? mark : null;
}

type End = Pick<RebuiltJob, "state" | "reason" | "birth" | "finishedAt">;

/** RB3 */
function endOf(outcome: Outcome | null, mark: MarkTrace | null): End {
  if (outcome?.end.kind === "succeeded") {
    const birth = { from: "running", event: "succeed" } as const;
    return { state: "succeeded", reason: null, birth, finishedAt: Date.parse(outcome.at) };
  }
  if (outcome?.end.kind === "failed") {
    const birth = { from: "running", event: "fail" } as const;
    return { state: "failed", reason: REASONS[outcome.end.fault], birth, finishedAt: Date.parse(outcome.at) };
  }
  if (mark === null) {
    const birth = { from: "stopped", event: "resume" } as const;
    return { state: "queued", reason: "waiting_for_slot", birth, finishedAt: null };
  }
  const birth = { from: mark.state === "failed" ? "running" : "queued", event: EVENTS[mark.state] } as const;
  const finishedAt = mark.state === "stopped" ? null : Date.parse(mark.at);
  return { state: mark.state, reason: mark.reason === "" ? null : (mark.reason as JobReason), birth, finishedAt };
}

const EVENTS = { stopped: "stop", cancelled: "cancel", expired: "expire", failed: "fail" } as const;
const REASONS = {
  error: "retries_exhausted",
  timed_out: "timed_out",
  refused: "input_refused",
  not_retryable: "task_failed",
  checkpoints_unreadable: "checkpoints_unreadable",
} as const satisfies Record<Extract<Outcome["end"], { kind: "failed" }>["fault"], JobReason>;

function errorOf(outcome: Outcome | null, mark: MarkTrace | null): string {
  if (outcome?.end.kind !== "failed") return mark?.error ?? "";
  const { fault, message } = outcome.end;
  return JSON.stringify(problem(fault === "refused" ? "input_refused" : "task_failed", message));
}

/** As the scripts write it; how it ended is only known of the one that reached the outcome. */
function attemptText(trace: AttemptTrace, outcome: Outcome | null): string {
  const reached = outcome !== null && outcome.attempt === trace.attempt && outcome.fence === trace.fence;
  return JSON.stringify({
    number: trace.attempt,
    fence: trace.fence,
    worker: trace.worker,
    zone: trace.zone === "" ? null : trace.zone,
    startedAt: Date.parse(trace.startedAt),
    endedAt: reached ? Date.parse(outcome.at) : Date.parse(trace.startedAt),
    fromCheckpoint: trace.from?.seq ?? null,
    lastCheckpoint: trace.from?.seq ?? null,
    outcome: reached ? outcome.end.kind : "lost",
    reason: reached ? null : "redis_lost",
  });
}
