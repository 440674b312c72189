/**
 * Why a job is where it is, as sentences. Pure: made of what the API knows.
 *
 * J1 First what is so, then how it came about, then who could change it, then what to do.
 * J2 Nothing is guessed: what is not known is left out.
 */
import type { Attempt, DependencyStanding, Goodput, Job } from "../contract/job.ts";
import type { Fleet } from "../contract/fleet.ts";
import type { TaskView, Worker } from "../contract/worker.ts";
import { reasonSentence } from "../domain/job-reason.ts";
import { JOB_STATES, LEASED_STATES } from "../domain/job-state.ts";
import { formatAge, formatBytes, formatDuration, formatNumber, formatPercent, oneLine } from "./format.ts";
import type { JobOrder } from "./job-orders.ts";
import { intervalText } from "./job-table.ts";

export interface JobFacts {
  readonly job: Job;
  readonly attempts: readonly Attempt[];
  /** What it waits for; empty unless it is blocked, or was cancelled for it. */
  readonly dependencies: readonly DependencyStanding[];
  readonly workers: readonly Worker[];
  /** Null when it is not known any more. */
  readonly task: TaskView | null;
  /** The last lines of the log of a job that failed. */
  readonly lastWords: readonly string[];
  /** Many workers are silent at once. */
  readonly brake: Fleet["brake"];
  /** What people asked of it, the oldest first. */
  readonly orders: readonly JobOrder[];
  readonly nowMs: number;
  /** How the command line was called. */
  readonly typed: string;
}

/** The last attempts that are told one by one. */
const ATTEMPTS_TOLD = 5;

export function explainJob(facts: JobFacts): string[] {
  return [
    stateSentence(facts),
    ...forkSentences(facts),
    ...dependencySentences(facts),
    ...timeSentences(facts),
    ...progressSentences(facts),
    ...attemptSentences(facts),
    ...orderSentences(facts),
    ...silenceSentences(facts),
    ...workerSentences(facts),
    ...errorSentences(facts),
    ...adviceSentences(facts),
  ].map(oneLine);
}

function stateSentence({ job, workers }: JobFacts): string {
  // The caretaker notices within seconds; who asks at once is told at once.
  const deserted = job.reason === "waiting_for_slot" && job.class === "batch" && isPoolDeserted(job, workers);
  const reason = deserted ? "no_worker_in_pool" : job.reason;
  const why = reason === null ? "" : ` It ${asPredicate(reasonSentence(reason, job))}.`;
  return `Job ${job.id} (task ${job.task}), ${job.state}: ${JOB_STATES[job.state]}.${why}`;
}

function forkSentences({ job, attempts }: JobFacts): string[] {
  if (job.forkOf === null) return [];
  const first = attempts.find(({ number }) => number === 1);
  const begins = first === undefined ? (job.checkpoint?.seq ?? null) : first.fromCheckpoint;
  const where = begins === null ? "from the beginning, without a checkpoint of it" : `at its checkpoint ${begins}`;
  return [`It is a fork of ${job.forkOf}, and began ${where}.`];
}

/** Reasons are written as what a job does, or as a clause of their own. */
function asPredicate(reason: string): string {
  return /^(waits|gave|was|ended)\b/.test(reason) ? reason : `is so because ${reason}`;
}

/** Parents that are told one by one. */
const PARENTS_TOLD = 5;

function dependencySentences({ dependencies }: JobFacts): string[] {
  const told = (status: DependencyStanding["status"], words: (ids: string, one: boolean) => string): string[] => {
    const ids = dependencies.filter((one) => one.status === status).map(({ job }) => job);
    if (ids.length === 0) return [];
    const more = ids.length > PARENTS_TOLD ? ` and ${ids.length - PARENTS_TOLD} more` : "";
    return [words(`${ids.slice(0, PARENTS_TOLD).join(", ")}${more}`, ids.length === 1)];
  };
  return [
    ...told("waiting", (ids) => `Not ended yet: ${ids}.`),
    ...told("failed", (ids, one) => `${one ? "This one" : "These"} did not succeed: ${ids}.`),
  ];
}

function timeSentences({ job, nowMs }: JobFacts): string[] {
  const sentences: string[] = [];
  if (job.state === "scheduled" && job.runAt !== null) {
    const leftMs = Date.parse(job.runAt) - nowMs;
    sentences.push(
      leftMs > 0 ? `It is due in ${formatDuration(leftMs)}, at ${job.runAt}.` : `It was due at ${job.runAt}.`,
    );
  }
  if (job.state === "queued")
    sentences.push(`It was submitted ${formatAge(job.createdAt, nowMs)} ago with priority ${job.priority}.`);
  if (job.finishedAt !== null)
    sentences.push(`It ended ${formatAge(job.finishedAt, nowMs)} ago, at ${job.finishedAt}.`);
  else if (job.deadlineAt !== null) {
    const leftMs = Date.parse(job.deadlineAt) - nowMs;
    sentences.push(`It expires at ${job.deadlineAt}${leftMs > 0 ? `, in ${formatDuration(leftMs)}` : ""}.`);
  }
  return sentences;
}

/** What the time of a job is spent on, as `… of its time`. */
const SHARES = {
  usefulMs: "useful",
  checkpointMs: "checkpoints",
  restoreMs: "starting and restoring",
  redoneMs: "work that was lost and done again",
  detectMs: "noticing that a worker was lost",
  queuedMs: "waiting for a slot",
} as const satisfies Partial<Record<keyof Goodput, string>>;

/** In whole percents that add up to 100, the largest first; what was useful is never rounded up. */
function sharesSentence(goodput: Goodput): string[] {
  const parts = (Object.keys(SHARES) as (keyof typeof SHARES)[]).map((part) => ({ part, ms: goodput[part] }));
  const wholeMs = parts.reduce((sum, { ms }) => sum + ms, 0);
  if (wholeMs <= 0) return [];
  const shares = parts.map(({ part, ms }) => ({
    part,
    percent: Math.floor((100 * ms) / wholeMs),
    rest: (100 * ms) % wholeMs,
  }));
  const short = 100 - shares.reduce((sum, { percent }) => sum + percent, 0);
  const rounded = shares
    .filter(({ part, rest }) => part !== "usefulMs" && rest > 0)
    .sort((a, b) => b.rest - a.rest)
    .slice(0, short);
  const told = shares
    .map(({ part, percent }) => ({ part, percent: percent + (rounded.some((one) => one.part === part) ? 1 : 0) }))
    .filter(({ part, percent }) => percent > 0 || part === "usefulMs")
    .sort((a, b) => b.percent - a.percent)
    .map(({ part, percent }) => `${percent}% ${SHARES[part]}`);
  const held = goodput.heldMs === 0 ? "" : `; besides, it was held back for ${formatDuration(goodput.heldMs)}`;
  return [`Of its ${formatDuration(wholeMs)} ${told.join(", ")}${held}.`];
}

const LEASED: ReadonlySet<Job["state"]> = new Set(LEASED_STATES);

function progressSentences({ job, nowMs }: JobFacts): string[] {
  const { progress, checkpoint, goodput } = job;
  const sentences: string[] = [];
  if (progress !== null) {
    const { completed, total, unit, fraction, etaMs } = progress;
    const share = fraction === null ? "" : ` (${formatPercent(fraction)})`;
    const left = etaMs === null || job.state !== "running" ? "" : `, about ${formatDuration(etaMs)} to go`;
    const of = total === null ? "" : ` of ${formatNumber(total)}`;
    const has =
      LEASED.has(job.state) || job.finishedAt !== null ? "It has done" : "When its last attempt ended it had done";
    sentences.push(`${has} ${formatNumber(completed)}${of} ${unit}${share}${left}.`);
  }
  if (checkpoint !== null) {
    const at = checkpoint.progress === null ? "" : ` at ${formatNumber(checkpoint.progress)}${unitOf(job)}`;
    const age = `${formatAge(checkpoint.at, nowMs)} old`;
    const loss = job.state === "running" ? "; an attempt that is lost costs what came after it" : "";
    sentences.push(
      `Its last checkpoint is number ${checkpoint.seq}${at}, ${formatBytes(checkpoint.bytes)}, ${age}${loss}.`,
    );
  } else if (job.class === "batch" && job.attempts > 0 && job.finishedAt === null) {
    sentences.push("It has no checkpoint: another attempt starts from the beginning.");
  }
  const trouble = job.checkpointTrouble;
  if (trouble !== null) {
    const { dropped, setAside, last } = trouble;
    const parts = [
      ...(dropped === 0 ? [] : [`${dropped} could not be taken`]),
      ...(setAside === 0 ? [] : [`${setAside} could not be read back and are set aside`]),
    ];
    const detail = last.detail === "" ? "" : ` (${last.detail})`;
    sentences.push(
      `Of its checkpoints ${parts.join(", ")}; the last, ${formatAge(last.at, nowMs)} ago, because ${last.text}${detail}.`,
    );
  }
  if (job.checkpointInterval !== null && job.finishedAt === null) {
    sentences.push(`It makes a checkpoint ${intervalText(job.checkpointInterval)}.`);
  }
  if (goodput !== null && job.attempts > 0) sentences.push(...sharesSentence(goodput));
  return sentences;
}

function unitOf({ progress }: Job): string {
  return progress === null ? "" : ` ${progress.unit}`;
}

function attemptSentences({ job, attempts, nowMs }: JobFacts): string[] {
  if (attempts.length === 0 && job.class === "online") return [];
  if (attempts.length === 0) return ["No attempt has been made yet."];
  const told = [...attempts].sort((a, b) => a.number - b.number).slice(-ATTEMPTS_TOLD);
  const head =
    attempts.length === 1
      ? "There was one attempt:"
      : `There were ${attempts.length} attempts${told.length < attempts.length ? `, the last ${told.length}` : ""}:`;
  const fault =
    job.retries === 0 || job.class === "online"
      ? []
      : [
          `${job.retries} of them failed by the task's own fault; ${job.maxRetries === 0 ? "no such retry is" : job.maxRetries === 1 ? "one such retry is" : `${job.maxRetries} such retries are`} allowed.`,
        ];
  const stale =
    job.staleWritesRefused === 0
      ? []
      : [`${job.staleWritesRefused} late writes of attempts that had lost their lease were refused.`];
  return [
    head,
    ...told.map((attempt) => `- ${job.class === "online" ? onlineClause(attempt) : attemptClause(attempt, nowMs)}`),
    ...fault,
    ...stale,
  ];
}

/** Why an online attempt was made besides the first. */
const WHY: Readonly<Record<NonNullable<Attempt["why"]>, string>> = {
  first: "",
  retry: ", made because the one before failed",
  hedge: ", made beside one that took long",
  repeat: ", made because the one before was lost or handed back",
  probe: ", a copy to see whether a parked replica is well again",
};

function onlineClause({ number, worker, replica, why, outcome, reason, queueMs, runMs }: Attempt): string {
  const where = worker === null ? "" : ` on ${worker}${replica === null ? "" : `, replica ${replica}`}`;
  const waited = queueMs === null ? "" : ` It waited ${formatDuration(queueMs)}`;
  const ran = runMs === null ? "" : ` and ran ${formatDuration(runMs)}.`;
  const end = reason === null || reason === outcome ? outcome : `${outcome} (${reason})`;
  return `attempt ${number}${where}${why === null ? "" : WHY[why]}: ${end}.${waited}${ran}`;
}

function attemptClause(attempt: Attempt, nowMs: number): string {
  const { number, worker, zone, outcome, reason, fromCheckpoint, lastCheckpoint, startedAt, endedAt } = attempt;
  const from = fromCheckpoint === null ? "from the beginning" : `from checkpoint ${fromCheckpoint}`;
  const ran = formatDuration(Math.max(0, (endedAt === null ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt)));
  const made =
    lastCheckpoint === null || lastCheckpoint === fromCheckpoint ? "" : `, up to checkpoint ${lastCheckpoint}`;
  const end = outcome === "running" ? `running for ${ran}` : `${outcome} after ${ran}`;
  return `attempt ${number} on ${worker ?? "no worker"}${zone === null ? "" : ` in ${zone}`}, ${from}${made}: ${end}${reason === null ? "" : ` (${reason})`}.`;
}

/** The last orders that are told one by one. */
const ORDERS_TOLD = 5;

function orderSentences({ orders, nowMs }: JobFacts): string[] {
  const asked = orders.filter(({ order }) => order !== "submit");
  if (asked.length === 0) return [];
  const told = asked.slice(-ORDERS_TOLD);
  const some = told.length < asked.length ? ` (the last ${told.length} of ${asked.length})` : "";
  return [
    `What was asked of it${some}:`,
    ...told.map(
      ({ at, by, order, effect }) =>
        `- ${order}, ${formatAge(at, nowMs)} ago${by === null ? "" : `, by ${by}`}: ${effect ?? "nothing came of it yet"}.`,
    ),
  ];
}

/** Beats come twice a second; who is silent for so long may be lost. */
const SILENT_MS = 2_500;

function silenceSentences({ job, workers, brake }: JobFacts): string[] {
  const own = workers.find(({ id }) => id === job.worker);
  if (job.finishedAt !== null || own === undefined || own.state === "lost" || own.beatAgeMs < SILENT_MS) return [];
  const heard = `Its worker ${own.id} was last heard of ${formatDuration(own.beatAgeMs)} ago.`;
  if (brake === null) return [heard];
  const many = `So are ${brake.silent} of ${brake.workers} workers, which may be the network: they keep their leases for now and are given up one by one.`;
  return [heard, many];
}

function workerSentences({ job, task, workers }: JobFacts): string[] {
  if (job.finishedAt !== null || job.class === "online") return [];
  if (task === null) return [`No worker has registered the task ${job.task}.`];
  const having = workers.filter((worker) => worker.tasks.includes(job.task) && worker.state !== "stopped");
  if (having.length === 0) return [`No live worker has the task ${job.task}.`];
  const inPool = having.filter(({ pools }) => pools.includes(job.pool));
  if (inPool.length === 0)
    return [`No live worker that has the task serves the pool ${job.pool}. ${poolsText(having)}`];
  if (job.reason === "no_worker_has_version") {
    return [
      `${having.map(({ id }) => id).join(", ")} ${having.length === 1 ? "has" : "have"} the task at checkpoint version ${task.checkpointVersion}, which is not the job's.`,
    ];
  }
  const ready = inPool.filter(({ state }) => state === "ready");
  const free = ready.filter(({ slots }) => slots.batch.used < slots.batch.total);
  const others = inPool.filter(({ state }) => state !== "ready").map(({ id, state }) => `${id} is ${state}`);
  const slots = ready.map(
    (worker) => `${worker.id} (${worker.slots.batch.used} of ${worker.slots.batch.total} slots used)`,
  );
  const who = [...(slots.length === 0 ? [] : [slots.join(", ")]), ...others].join("; ");
  const verb = ready.length === 1 ? "has" : "have";
  const apart = inPool.length < having.length ? ` in its pool ${job.pool}` : "";
  return [
    `${count(ready.length, "ready worker")} ${verb} the task${apart}${who === "" ? "" : `: ${who}`}.`,
    ...(job.state === "queued" && free.length === 0 && ready.length > 0 ? ["All their slots are taken."] : []),
  ];
}

/** Others have the task, but nobody in the job's own pool: a pool that was mistyped, or whose workers are gone. */
function isPoolDeserted(job: Job, workers: readonly Worker[]): boolean {
  const having = workers.filter((worker) => worker.tasks.includes(job.task) && worker.state !== "stopped");
  return having.length > 0 && !having.some(({ pools }) => pools.includes(job.pool));
}

function poolsText(workers: readonly Worker[]): string {
  const pools = [...new Set(workers.flatMap((worker) => worker.pools))].sort();
  const texts = pools.map((pool) => {
    const ids = workers.filter((worker) => worker.pools.includes(pool)).map(({ id }) => id);
    return `${pool} (${ids.join(", ")})`;
  });
  return `The ${pools.length === 1 ? "only pool" : "pools"} with the task: ${texts.join("; ")}.`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function errorSentences({ job, lastWords }: JobFacts): string[] {
  const { error } = job;
  if (error === null) return [];
  const told = `Its error: ${error.title} (${error.code}): ${error.detail}`;
  if (lastWords.length === 0) return [told];
  return [told, `The last lines of its log (attempt ${job.attempts}):`, ...lastWords.map((line) => `| ${line}`)];
}

function adviceSentences({ job, dependencies, workers, typed }: JobFacts): string[] {
  const culprit = dependencies.find(({ status }) => status === "failed");
  if (job.reason === "dependency_failed" && culprit !== undefined) {
    return [`To run both: ${typed} retry ${culprit.job}; this one then waits for it again.`];
  }
  switch (job.state) {
    case "stopped":
      return [`To let it go on: ${typed} resume ${job.id}`];
    case "failed":
    case "expired":
    case "cancelled":
      if (job.class === "online") return [`To run it again: ${typed} retry ${job.id}`];
      return [
        `To see what it wrote: ${typed} logs ${job.id}`,
        `To run it again: ${typed} retry ${job.id}${job.checkpoint === null ? "" : " (from its last checkpoint; --from start for the beginning)"}`,
      ];
    case "queued":
      if (isPoolDeserted(job, workers)) {
        return [
          `Start a worker in that pool: ${typed} worker --pools ${job.pool}; or give the job up (${typed} cancel ${job.id}) and submit it anew with --pool.`,
        ];
      }
      return job.reason === "no_worker_has_task"
        ? [`Start a worker that has the task: ${typed} worker --tasks <module>`]
        : [];
    case "succeeded":
      return [`Its output: ${typed} get ${job.id} output`];
    default:
      return [];
  }
}
