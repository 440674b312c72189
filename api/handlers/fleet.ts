/** Tasks, workers, queues, limits and the fleet as a whole. */
import type { Worker, WorkerState } from "../../src/contract/worker.ts";
import type { Fleet } from "../../src/contract/fleet.ts";
import type { PageQuery } from "../../src/contract/query.ts";
import type { Order } from "../../src/fleet/fleet.ts";
import { toGoodput } from "../../src/batch/batch.ts";
import { json, refuse, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { answerPage, ascendingBy } from "../paging.ts";
import type { Checked } from "../route.ts";

type PageRequest = Checked<PageQuery, undefined>;
type PlainRequest = Checked<undefined, undefined>;

/** GET /v1/tasks */
export async function listTasks(deps: ApiDeps, { query }: PageRequest): Promise<Answer> {
  const order = ascendingBy(({ name, definition }: { name: string; definition: string }) => `${name}@${definition}`);
  await deps.tasks.refresh();
  return answerPage([...deps.tasks.list()].sort(byKey(order.keyOf)), query, order, deps.limits);
}

/** GET /v1/tasks/{task}: the newest definition. */
export async function getTask(deps: ApiDeps, { params }: PlainRequest): Promise<Answer> {
  const name = params["task"] ?? "";
  const [newest] = await deps.lookup.find(name);
  const view = deps.tasks.list().find(({ definition }) => definition === newest?.definition);
  return view === undefined ? refuse("unknown_task", `no worker has registered a task ${name}`) : json(200, view);
}

/** GET /v1/tasks/{task}/slow */
export async function listSlow(deps: ApiDeps, { params }: PlainRequest): Promise<Answer> {
  const name = params["task"] ?? "";
  const [newest] = await deps.lookup.find(name);
  if (newest === undefined) return refuse("unknown_task", `no worker has registered a task ${name}`);
  return json(200, { items: await deps.slow.slowest(name), nextCursor: null });
}

/** GET /v1/workers */
export async function listWorkers(deps: ApiDeps, { query }: PageRequest): Promise<Answer> {
  const workers = await deps.workers.list();
  return answerPage(
    workers.map((worker) => withReplicas(deps, worker)),
    query,
    ascendingBy(({ id }) => id),
    deps.limits,
  );
}

/** GET /v1/workers/{worker} */
export async function getWorker(deps: ApiDeps, { params }: PlainRequest): Promise<Answer> {
  const id = params["worker"] ?? "";
  const worker = await deps.workers.get(id);
  return worker === null ? unknownWorker(id) : json(200, withReplicas(deps, worker));
}

export const WORKER_VERBS = {
  drain: "draining",
  undrain: "ready",
  cordon: "cordoned",
  uncordon: "ready",
  quarantine: "quarantined",
} as const satisfies Readonly<Record<string, Order["want"]>>;
export type WorkerVerb = keyof typeof WORKER_VERBS;

/** POST /v1/workers/{worker}/{verb}: the order stands until another takes its place. */
export function orderWorker(
  verb: WorkerVerb,
): (deps: ApiDeps, checked: Checked<undefined, { readonly reason?: string | undefined }>) => Promise<Answer> {
  return async (deps, { params, body, request }) => {
    const id = params["worker"] ?? "";
    const order: Order = { want: WORKER_VERBS[verb], reason: body.reason ?? `${verb} by request`, by: request.by };
    if (!(await deps.workers.order(id, order))) return unknownWorker(id);
    const worker = await deps.workers.get(id);
    return worker === null ? unknownWorker(id) : json(202, withReplicas(deps, worker));
  };
}

/** GET /v1/queues */
export async function listQueues(deps: ApiDeps, { query }: PageRequest): Promise<Answer> {
  const queues = await deps.queues.queues(deps.tasks.list(), deps.pools());
  return answerPage(
    queues,
    query,
    ascendingBy(({ name }) => name),
    deps.limits,
  );
}

/** GET /v1/limits */
export function getLimits(deps: ApiDeps): Promise<Answer> {
  return Promise.resolve(json(200, deps.limits));
}

/** GET /v1/fleet */
export async function getFleet(deps: ApiDeps): Promise<Answer> {
  const [workers, queued, spent, losses, brake] = await Promise.all([
    deps.workers.list(),
    deps.reader.countByState(["queued"]),
    deps.time.spent(),
    deps.time.losses(),
    deps.workers.brake(),
  ]);
  // Of the slots that were used; how long jobs waited for one is told beside.
  const { fraction } = toGoodput({ ...spent, queued: 0 });
  const live = workers.filter(({ state }) => state !== "lost" && state !== "stopped");
  const ready = workers.filter(({ state }) => state === "ready");
  const byState: Partial<Record<WorkerState, number>> = {};
  for (const { state } of workers) byState[state] = (byState[state] ?? 0) + 1;
  const slots = (kind: "online" | "batch"): { total: number; used: number } => ({
    total: ready.reduce((sum, worker) => sum + worker.slots[kind].total, 0),
    used: ready.reduce((sum, worker) => sum + worker.slots[kind].used, 0),
  });
  const zones = [...new Set(live.map(({ zone }) => zone))].sort();
  const fleet: Fleet = {
    workers: { total: workers.length, byState },
    slots: { online: slots("online"), batch: slots("batch") },
    zones: zones.map((zone) => ({
      zone,
      workers: live.filter((worker) => worker.zone === zone).length,
      mtbfMs: losses.zones.get(zone ?? "") ?? null,
    })),
    goodput: { ...toGoodput(spent), fraction },
    mtbfMs: losses.mtbfMs,
    brake,
    queued: queued.get("queued") ?? 0,
    tasks: new Set(deps.tasks.list().map(({ name }) => name)).size,
  };
  return json(200, fleet);
}

/** What the online path knows of a worker, beside what its agent says. */
function withReplicas(deps: ApiDeps, worker: Worker): Worker {
  const replicas = deps.online.replicas().filter((replica) => replica.worker === worker.id);
  return {
    ...worker,
    replicas: replicas.map(({ id, pid, state, reason, lagMs, parked }) => ({
      id,
      pid,
      state,
      reason,
      lagMs,
      parked: [...parked],
    })),
  };
}

function unknownWorker(id: string): Answer {
  return refuse("unknown_worker", `there is no worker ${JSON.stringify(id.slice(0, 100))}`);
}

function byKey<T>(keyOf: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (keyOf(a) < keyOf(b) ? -1 : 1);
}
