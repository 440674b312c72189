/** How workers, tasks and queues look in a terminal. */
import type { Queue } from "../contract/queue.ts";
import type { SlowRequest } from "../contract/slow.ts";
import type { TaskView, Worker } from "../contract/worker.ts";
import { formatAge, formatDuration, formatNumber } from "./format.ts";
import { labelsText } from "./job-table.ts";
import type { Session } from "./session.ts";
import type { Column } from "./table.ts";

function paintWorker(session: Session, state: Worker["state"], text: string): string {
  const { green, red, yellow, dim } = session.colors;
  const paint = {
    starting: dim,
    ready: green,
    cordoned: yellow,
    draining: yellow,
    drained: dim,
    quarantined: red,
    lost: red,
    stopped: dim,
  }[state];
  return paint(text);
}

const slotsText = ({ used, total }: { readonly used: number; readonly total: number }): string => `${used}/${total}`;

export function workerColumns(session: Session): readonly Column<Worker>[] {
  const now = session.clock.nowMs();
  return [
    { title: "WORKER", cell: (worker) => worker.id },
    {
      title: "STATE",
      cell: (worker) => worker.state,
      paint: (text, worker) => paintWorker(session, worker.state, text),
    },
    { title: "REASON", cell: (worker) => worker.reason },
    { title: "ZONE", cell: (worker) => worker.zone },
    { title: "ONLINE", cell: (worker) => slotsText(worker.slots.online), align: "right" },
    { title: "BATCH", cell: (worker) => slotsText(worker.slots.batch), align: "right" },
    { title: "LOAD", cell: (worker) => worker.load.toFixed(2), align: "right" },
    { title: "BEAT", cell: (worker) => formatDuration(worker.beatAgeMs), align: "right" },
    { title: "UP", cell: (worker) => formatAge(worker.startedAt, now), align: "right" },
    { title: "VERSION", cell: (worker) => worker.version },
    { title: "HOST", cell: (worker) => worker.host, wide: true },
    { title: "REGION", cell: (worker) => worker.region, wide: true },
    { title: "LAG", cell: (worker) => `${formatNumber(worker.loopLagMs)}ms`, align: "right", wide: true },
    { title: "AGENT", cell: (worker) => worker.pids.agent, align: "right", wide: true },
    { title: "REPLICAS", cell: (worker) => worker.pids.replicas.join(","), wide: true },
    { title: "RUNNERS", cell: (worker) => worker.pids.runners.join(","), wide: true },
    { title: "POOLS", cell: (worker) => worker.pools.join(","), wide: true },
    { title: "TASKS", cell: (worker) => worker.tasks.join(","), wide: true },
    { title: "LABELS", cell: (worker) => labelsText(worker.labels), wide: true },
  ];
}

export const taskColumns: readonly Column<TaskView>[] = [
  { title: "TASK", cell: (task) => task.name },
  { title: "CLASS", cell: (task) => task.class },
  { title: "WORKERS", cell: (task) => task.workers.length, align: "right" },
  { title: "DESCRIPTION", cell: (task) => task.description },
  { title: "IDEMPOTENT", cell: (task) => yesOrNo(task.idempotent), wide: true },
  {
    title: "DEADLINE",
    cell: (task) => (task.deadlineMs === null ? null : formatDuration(task.deadlineMs)),
    align: "right",
    wide: true,
  },
  { title: "VERSION", cell: (task) => task.checkpointVersion, align: "right", wide: true },
  { title: "RETRIES", cell: (task) => task.maxRetries, align: "right", wide: true },
  { title: "DEFINITION", cell: (task) => task.definition, wide: true },
];

function yesOrNo(answer: boolean | null): string | null {
  return answer === null ? null : answer ? "yes" : "no";
}

export const queueColumns: readonly Column<Queue>[] = [
  { title: "QUEUE", cell: (queue) => queue.name },
  { title: "POOL", cell: (queue) => queue.pool },
  { title: "TASK", cell: (queue) => queue.task },
  { title: "VERSION", cell: (queue) => queue.checkpointVersion, align: "right" },
  { title: "QUEUED", cell: (queue) => queue.queued, align: "right" },
  {
    title: "OLDEST",
    cell: (queue) => (queue.oldestAgeMs === null ? null : formatDuration(queue.oldestAgeMs)),
    align: "right",
  },
];

export function slowColumns(nowMs: number): readonly Column<SlowRequest>[] {
  return [
    { title: "TOOK", cell: (one) => formatDuration(one.tookMs), align: "right" },
    { title: "WAITED", cell: (one) => formatDuration(one.queueMs), align: "right" },
    { title: "RAN", cell: (one) => formatDuration(one.runMs), align: "right" },
    { title: "ATTEMPTS", cell: (one) => one.attempts.map(({ why, outcome }) => `${why}:${outcome}`).join(" ") },
    { title: "WORKERS", cell: (one) => one.attempts.map(({ worker }) => worker ?? "-").join(" ") },
    { title: "AGE", cell: (one) => formatAge(one.at, nowMs), align: "right" },
    { title: "ID", cell: (one) => one.id, wide: true },
  ];
}
