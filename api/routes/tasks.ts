/** Routes to tasks, and the one that answers online requests. */
import { jobSchema } from "../../src/contract/job.ts";
import { anyJson } from "../../src/contract/json.ts";
import { pageQuerySchema } from "../../src/contract/query.ts";
import { slowListSchema } from "../../src/contract/slow.ts";
import { taskListSchema, taskViewSchema } from "../../src/contract/worker.ts";
import { getTask, listSlow, listTasks } from "../handlers/fleet.ts";
import { invokeTask } from "../handlers/invoke.ts";
import { defineRoute, type Route, type RouteDoc } from "../route.ts";

const invokeDoc: RouteDoc = {
  method: "POST",
  path: "/v1/tasks/{task}/invoke",
  operationId: "invokeTask",
  tag: "tasks",
  summary: "Ask an online task and wait for its answer",
  description:
    "The body is the input, the answer is the output. Some replica answers; another one does if the first is lost, as long as the deadline allows and the task may run twice. When there is more to do than the replicas can, requests wait by `Cairn-Priority`, then by turns of their callers (`Cairn-Caller`), then by deadline; what would wait for too long is refused at once, with 503 or, if its caller has more than its share, with 429. With `Prefer: respond-async` or an `Idempotency-Key` the request is kept as a job of class `online`, which any API process goes on with when this one dies; with `Prefer: wait=N` it becomes one when it outlives its wait. Repeats with the same key attach to the first.",
  body: {
    mediaTypes: ["application/json"],
    schema: anyJson,
    required: true,
    limit: "inlineBytes",
    reading: "stream",
    example: { hello: "world" },
  },
  requestHeaders: ["Request-Timeout-Ms", "Idempotency-Key", "Prefer", "Cairn-Caller", "Cairn-Priority", "traceparent"],
  successes: [
    {
      status: 200,
      description: "The task's output",
      schema: anyJson,
      headers: ["Server-Timing", "Preference-Applied", "Idempotency-Replayed"],
    },
    {
      status: 202,
      description: "A job: with `Prefer: respond-async`, or when `Prefer: wait=N` is over before the answer",
      schema: jobSchema,
      headers: ["Location", "Retry-After", "Server-Timing", "Preference-Applied", "Idempotency-Replayed"],
    },
  ],
  problems: [
    "invalid_input",
    "invalid_deadline",
    "invalid_idempotency_key",
    "unknown_task",
    "wrong_class",
    "idempotency_in_progress",
    "job_cancelled",
    "over_share",
    "input_refused",
    "idempotency_key_reused",
    "task_failed",
    "invalid_output",
    "outcome_unknown",
    "no_worker",
    "no_capacity",
    "redis_unavailable",
    "deadline_exceeded",
  ],
};

/** Checks its requests itself, step by step: it is the one route where each microsecond counts. */
export const invokeRoute: Route = {
  ...invokeDoc,
  label: { path: invokeDoc.path, timed: false },
  answer: (deps, request) => invokeTask(invokeDoc, deps, request),
};

export const taskRoutes: readonly Route[] = [
  defineRoute(
    {
      method: "GET",
      path: "/v1/tasks",
      operationId: "listTasks",
      tag: "tasks",
      summary: "List the tasks that workers have registered",
      description:
        "With their JSON Schemas, and the live workers that have them. Two versions of a task are two items.",
      query: pageQuerySchema,
      successes: [{ status: 200, description: "A page of tasks", schema: taskListSchema }],
      problems: ["invalid_cursor"],
    },
    listTasks,
  ),
  defineRoute(
    {
      method: "GET",
      path: "/v1/tasks/{task}",
      operationId: "getTask",
      tag: "tasks",
      summary: "Look at a task",
      description: "Its newest definition.",
      successes: [{ status: 200, description: "The task", schema: taskViewSchema }],
      problems: ["unknown_task", "redis_unavailable"],
    },
    getTask,
  ),
  defineRoute(
    {
      method: "GET",
      path: "/v1/tasks/{task}/slow",
      operationId: "listSlowRequests",
      tag: "tasks",
      summary: "Look at the slowest requests of an online task",
      description:
        "Those of the last ten minutes that were answered, the slowest first, at most 50, of all API processes; with every attempt: why it was made, which replica took it, how long it waited and ran. Requests that failed have a record: `GET /v1/jobs?class=online&state=failed`.",
      successes: [{ status: 200, description: "The slowest", schema: slowListSchema }],
      problems: ["unknown_task", "redis_unavailable"],
    },
    listSlow,
  ),
  invokeRoute,
];
