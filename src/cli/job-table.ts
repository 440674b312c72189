/** How jobs and what belongs to them look in a terminal. */
import type { Artifact, Attempt, Checkpoint, Job } from "../contract/job.ts";
import { INTERVAL_REASONS, NEVER_ASKED_MS } from "../domain/checkpoint-interval.ts";
import { formatAge, formatBytes, formatDuration, formatNumber, formatPercent } from "./format.ts";
import type { Session } from "./session.ts";
import type { Column } from "./table.ts";

type Paint = (text: string) => string;

/** Colours by state; the words stand there in any case. */
export function paintState(session: Session, state: Job["state"]): Paint {
  const { green, red, yellow, cyan, dim } = session.colors;
  const paint = {
    scheduled: dim,
    blocked: dim,
    queued: yellow,
    running: cyan,
    stopping: yellow,
    stopped: yellow,
    succeeded: green,
    failed: red,
    cancelled: dim,
    expired: red,
  }[state];
  return (text) => paint(text);
}

export function progressText({ progress }: Pick<Job, "progress">): string | null {
  if (progress === null) return null;
  if (progress.fraction !== null) return formatPercent(progress.fraction);
  return `${formatNumber(progress.completed)} ${progress.unit}`;
}

export function jobColumns(session: Session): readonly Column<Job>[] {
  const now = session.clock.nowMs();
  return [
    { title: "ID", cell: (job) => job.id },
    { title: "TASK", cell: (job) => job.task },
    { title: "STATE", cell: (job) => job.state, paint: (text, job) => paintState(session, job.state)(text) },
    { title: "REASON", cell: (job) => job.reason },
    { title: "PROGRESS", cell: progressText, align: "right" },
    { title: "WORKER", cell: (job) => job.worker },
    { title: "ATTEMPTS", cell: (job) => job.attempts, align: "right" },
    { title: "AGE", cell: (job) => formatAge(job.createdAt, now), align: "right" },
    { title: "CLASS", cell: (job) => job.class, wide: true },
    { title: "PRIORITY", cell: (job) => job.priority, align: "right", wide: true },
    { title: "POOL", cell: (job) => job.pool, wide: true },
    { title: "CHECKPOINT", cell: (job) => job.checkpoint?.seq ?? null, align: "right", wide: true },
    { title: "GOODPUT", cell: (job) => goodputText(job), align: "right", wide: true },
    { title: "CALLER", cell: (job) => job.caller, wide: true },
    { title: "LABELS", cell: (job) => labelsText(job.labels), wide: true },
    { title: "CREATED", cell: (job) => job.createdAt, wide: true },
    { title: "FINISHED", cell: (job) => job.finishedAt, wide: true },
  ];
}

export function goodputText({ goodput }: Pick<Job | Attempt, "goodput">): string | null {
  return goodput?.fraction == null ? null : formatPercent(goodput.fraction);
}

export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, item]) => `${key}=${item}`)
    .join(",");
}

/** A job in full, as pairs. */
export function jobFields(job: Job, nowMs: number): (readonly [string, string | number | null])[] {
  const { progress, checkpoint, goodput } = job;
  return [
    ["id", job.id],
    ...(job.forkOf === null ? [] : ([["fork of", job.forkOf]] as const)),
    ["task", job.task],
    ["class", job.class],
    ["state", job.state],
    ["reason", job.reason],
    ["progress", progress === null ? null : progressInFull(progress)],
    ["worker", job.worker === null ? null : [job.worker, job.zone].filter((part) => part !== null).join(" in ")],
    ["attempts", job.attempts],
    ["retries", `${Math.min(job.retries, job.maxRetries)} of ${job.maxRetries}`],
    ["checkpoint", checkpoint === null ? null : checkpointText(checkpoint, nowMs)],
    ["interval", job.checkpointInterval === null ? null : intervalText(job.checkpointInterval)],
    ["created", withAge(job.createdAt, nowMs)],
    ["started", withAge(job.startedAt, nowMs)],
    ["finished", withAge(job.finishedAt, nowMs)],
    ["run at", job.runAt],
    ["deadline", job.deadlineAt],
    ["timeout", job.timeoutMs === null ? null : formatDuration(job.timeoutMs)],
    ["priority", job.priority],
    ["pool", job.pool],
    ["labels", labelsText(job.labels)],
    ["caller", job.caller],
    ["goodput", goodput === null ? null : goodputInFull(goodput)],
    ["refused late writes", job.staleWritesRefused],
    ...(job.checkpointTrouble === null
      ? []
      : ([
          ["checkpoints dropped", job.checkpointTrouble.dropped],
          ["checkpoints set aside", job.checkpointTrouble.setAside],
        ] as const)),
    ["input", JSON.stringify(job.input)],
    ["output", job.state === "succeeded" ? JSON.stringify(job.output) : null],
    ["error", job.error === null ? null : `${job.error.code}: ${job.error.detail}`],
  ];
}

function progressInFull(progress: NonNullable<Job["progress"]>): string {
  const { completed, total, unit, fraction, ratePerSecond, etaMs } = progress;
  return [
    `${formatNumber(completed)}${total === null ? "" : ` of ${formatNumber(total)}`} ${unit}`,
    ...(fraction === null ? [] : [formatPercent(fraction)]),
    ...(ratePerSecond === null ? [] : [`${formatNumber(ratePerSecond)} ${unit}/s`]),
    ...(etaMs === null ? [] : [`${formatDuration(etaMs)} left`]),
  ].join(", ");
}

function checkpointText(checkpoint: NonNullable<Job["checkpoint"]>, nowMs: number): string {
  const { seq, at, bytes, progress } = checkpoint;
  const where = progress === null ? "" : ` at ${formatNumber(progress)}`;
  return `${seq}${where}, ${formatBytes(bytes)}, ${formatAge(at, nowMs)} ago`;
}

/** For example `every 4.8s: Daly's optimum …; a checkpoint costs 200ms, a worker is lost every 1m`. */
export function intervalText({ ms, costMs, mtbfMs, why }: NonNullable<Job["checkpointInterval"]>): string {
  if (ms >= NEVER_ASKED_MS) return "whenever the program makes one by itself";
  const cost = costMs === null ? "" : `a checkpoint costs ${formatDuration(costMs)}, `;
  return `every ${formatDuration(ms)}: ${INTERVAL_REASONS[why]}; ${cost}a worker is lost every ${formatDuration(mtbfMs)}`;
}

export function goodputInFull(goodput: NonNullable<Job["goodput"]>): string {
  const { usefulMs, checkpointMs, restoreMs, redoneMs, detectMs, queuedMs, heldMs, fraction } = goodput;
  const parts = {
    useful: usefulMs,
    checkpointing: checkpointMs,
    restoring: restoreMs,
    redone: redoneMs,
    detecting: detectMs,
  };
  const waits = { queued: queuedMs, ...(heldMs === 0 ? {} : { held: heldMs }) };
  const texts = Object.entries({ ...parts, ...waits }).map(([name, ms]) => `${name} ${formatDuration(ms)}`);
  return `${fraction === null ? "" : `${formatPercent(fraction)}: `}${texts.join(", ")}`;
}

function withAge(timestamp: string | null, nowMs: number): string | null {
  return timestamp === null ? null : `${timestamp} (${formatAge(timestamp, nowMs)} ago)`;
}

export function attemptColumns(nowMs: number): readonly Column<Attempt>[] {
  return [
    { title: "ATTEMPT", cell: (attempt) => attempt.number, align: "right" },
    { title: "WORKER", cell: (attempt) => attempt.worker },
    { title: "ZONE", cell: (attempt) => attempt.zone, wide: true },
    { title: "OUTCOME", cell: (attempt) => attempt.outcome },
    { title: "REASON", cell: (attempt) => attempt.reason },
    { title: "WHY", cell: (attempt) => attempt.why, wide: true },
    { title: "REPLICA", cell: (attempt) => attempt.replica, wide: true },
    { title: "FROM", cell: (attempt) => attempt.fromCheckpoint, align: "right" },
    { title: "LAST", cell: (attempt) => attempt.lastCheckpoint, align: "right" },
    { title: "RAN", cell: (attempt) => ranText(attempt, nowMs), align: "right" },
    { title: "GOODPUT", cell: goodputText, align: "right" },
    { title: "FENCE", cell: (attempt) => attempt.fence, wide: true },
    { title: "STARTED", cell: (attempt) => attempt.startedAt },
  ];
}

function ranText({ startedAt, endedAt }: Attempt, nowMs: number): string {
  return formatDuration(Math.max(0, (endedAt === null ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt)));
}

export function checkpointColumns(nowMs: number): readonly Column<Checkpoint>[] {
  return [
    { title: "CHECKPOINT", cell: (one) => one.seq, align: "right" },
    { title: "STATE", cell: (one) => one.state },
    { title: "PROGRESS", cell: (one) => (one.progress === null ? null : formatNumber(one.progress)), align: "right" },
    { title: "SIZE", cell: (one) => formatBytes(one.bytes), align: "right" },
    { title: "ATTEMPT", cell: (one) => one.attempt, align: "right" },
    { title: "PARENT", cell: (one) => one.parent, align: "right" },
    { title: "AGE", cell: (one) => formatAge(one.at, nowMs), align: "right" },
    { title: "FENCE", cell: (one) => one.fence, wide: true },
    { title: "MANIFEST", cell: (one) => one.manifest, wide: true },
  ];
}

export function artifactColumns(nowMs: number): readonly Column<Artifact>[] {
  return [
    { title: "ARTIFACT", cell: (one) => one.name },
    { title: "SIZE", cell: (one) => formatBytes(one.bytes), align: "right" },
    { title: "ATTEMPT", cell: (one) => one.attempt, align: "right" },
    { title: "AGE", cell: (one) => formatAge(one.at, nowMs), align: "right" },
    { title: "SHA-256", cell: (one) => one.sha256, wide: true },
  ];
}
