/** Routes of schedules. */
import { pageQuerySchema } from "../../src/contract/query.ts";
import { putScheduleSchema, scheduleListSchema, scheduleSchema } from "../../src/contract/schedule.ts";
import { deleteSchedule, getSchedule, listSchedules, putSchedule } from "../handlers/schedules.ts";
import { defineRoute, type Route } from "../route.ts";

const put = defineRoute(
  {
    method: "PUT",
    path: "/v1/schedules/{schedule}",
    operationId: "putSchedule",
    tag: "jobs",
    summary: "Make or change a schedule",
    description:
      "Submits a job at each time of a cron expression. The same time makes one job, whatever fails. Of times that were missed while nobody could submit, the latest is made up for, once. The jobs have the label `schedule` with its name.",
    body: {
      ...{ mediaTypes: ["application/json"], limit: "bodyBytes", reading: "json", required: true },
      schema: putScheduleSchema,
      example: { cron: "30 2 * * *", timeZone: "Europe/Berlin", job: { task: "count", input: { steps: 100 } } },
    },
    successes: [
      { status: 201, description: "The schedule was made", schema: scheduleSchema },
      { status: 200, description: "The schedule was changed", schema: scheduleSchema },
    ],
    problems: ["invalid_input", "unknown_task", "wrong_class", "redis_unavailable", "outcome_unknown"],
  },
  putSchedule,
);

const get = defineRoute(
  {
    method: "GET",
    path: "/v1/schedules/{schedule}",
    operationId: "getSchedule",
    tag: "jobs",
    summary: "Look at a schedule",
    description: "With its next times, and what became of the last one.",
    successes: [{ status: 200, description: "The schedule", schema: scheduleSchema }],
    problems: ["unknown_schedule", "redis_unavailable"],
  },
  getSchedule,
);

const list = defineRoute(
  {
    method: "GET",
    path: "/v1/schedules",
    operationId: "listSchedules",
    tag: "jobs",
    summary: "List schedules by name",
    description: "With their next times.",
    query: pageQuerySchema,
    successes: [{ status: 200, description: "A page of schedules", schema: scheduleListSchema }],
    problems: ["invalid_cursor", "redis_unavailable"],
  },
  listSchedules,
);

const remove = defineRoute(
  {
    method: "DELETE",
    path: "/v1/schedules/{schedule}",
    operationId: "deleteSchedule",
    tag: "jobs",
    summary: "Delete a schedule",
    description: "The jobs that it submitted stay.",
    successes: [{ status: 204, description: "It is gone" }],
    problems: ["unknown_schedule", "redis_unavailable", "outcome_unknown"],
  },
  deleteSchedule,
);

export const scheduleRoutes: readonly Route[] = [list, put, get, remove];
