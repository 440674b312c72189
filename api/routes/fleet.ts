/** Routes to workers, queues, limits and the fleet as a whole. */
import { fleetSchema } from "../../src/contract/fleet.ts";
import { limitsSchema } from "../../src/contract/limits.ts";
import { workerOrderSchema } from "../../src/contract/order.ts";
import { pageQuerySchema } from "../../src/contract/query.ts";
import { queueListSchema } from "../../src/contract/queue.ts";
import { workerListSchema, workerSchema } from "../../src/contract/worker.ts";
import {
  getFleet,
  getLimits,
  getWorker,
  listQueues,
  listWorkers,
  orderWorker,
  WORKER_VERBS,
  type WorkerVerb,
} from "../handlers/fleet.ts";
import { defineRoute, type Route } from "../route.ts";

const VERBS: Readonly<Record<WorkerVerb, { readonly summary: string; readonly description: string }>> = {
  drain: {
    summary: "Empty a worker",
    description: "It finishes its online requests, hands its batch jobs over at a checkpoint, and takes nothing new.",
  },
  undrain: { summary: "Take a drain back", description: "The worker takes work again." },
  cordon: { summary: "Give a worker nothing new", description: "It keeps what it has." },
  uncordon: { summary: "Take a cordon back", description: "The worker takes work again." },
  quarantine: {
    summary: "Set a worker aside",
    description: "As `drain`, until it is uncordoned: something is wrong with it.",
  },
};

const orders = (Object.keys(WORKER_VERBS) as WorkerVerb[]).map((verb) =>
  defineRoute(
    {
      method: "POST",
      path: `/v1/workers/{worker}/${verb}`,
      operationId: `${verb}Worker`,
      tag: "fleet",
      ...VERBS[verb],
      body: {
        mediaTypes: ["application/json"],
        schema: workerOrderSchema,
        required: false,
        limit: "bodyBytes",
        reading: "json",
        example: { reason: "kernel update" },
      },
      successes: [{ status: 202, description: "It was ordered; the worker's `state` follows", schema: workerSchema }],
      problems: ["unknown_worker", "redis_unavailable", "outcome_unknown"],
    },
    orderWorker(verb),
  ),
);

export const fleetRoutes: readonly Route[] = [
  defineRoute(
    {
      method: "GET",
      path: "/v1/fleet",
      operationId: "getFleet",
      tag: "fleet",
      summary: "Look at the fleet as a whole",
      description: "Workers by state, slots, zones, and how much waits.",
      successes: [{ status: 200, description: "The fleet", schema: fleetSchema }],
      problems: ["redis_unavailable"],
    },
    getFleet,
  ),
  defineRoute(
    {
      method: "GET",
      path: "/v1/workers",
      operationId: "listWorkers",
      tag: "fleet",
      summary: "List workers",
      description: "All that are known, by id. One that is lost or has left is shown for an hour.",
      query: pageQuerySchema,
      successes: [{ status: 200, description: "A page of workers", schema: workerListSchema }],
      problems: ["invalid_cursor", "redis_unavailable"],
    },
    listWorkers,
  ),
  defineRoute(
    {
      method: "GET",
      path: "/v1/workers/{worker}",
      operationId: "getWorker",
      tag: "fleet",
      summary: "Look at a worker",
      description: "What it said of itself last, and how long ago.",
      successes: [{ status: 200, description: "The worker", schema: workerSchema }],
      problems: ["unknown_worker", "redis_unavailable"],
    },
    getWorker,
  ),
  ...orders,
  defineRoute(
    {
      method: "GET",
      path: "/v1/queues",
      operationId: "listQueues",
      tag: "fleet",
      summary: "List the batch queues",
      description: "One for each pool, task and checkpoint version, with what waits in it and for how long.",
      query: pageQuerySchema,
      successes: [{ status: 200, description: "A page of queues", schema: queueListSchema }],
      problems: ["invalid_cursor", "redis_unavailable"],
    },
    listQueues,
  ),
  defineRoute(
    {
      method: "GET",
      path: "/v1/limits",
      operationId: "getLimits",
      tag: "fleet",
      summary: "Read the limits",
      description: "Sizes, times and counts that callers meet, and how long things are kept.",
      successes: [{ status: 200, description: "The limits", schema: limitsSchema }],
      problems: [],
    },
    getLimits,
  ),
];
