/** /v1/schedules */
import { readCron } from "../../src/batch/batch.ts";
import { problem } from "../../src/contract/problem.ts";
import type { PageQuery } from "../../src/contract/query.ts";
import type { PutSchedule } from "../../src/contract/schedule.ts";
import { empty, json, refuse, refuseWith, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { answerPage, ascendingBy } from "../paging.ts";
import type { Checked } from "../route.ts";
import { prepareScheduled } from "../scheduled-submission.ts";

/** Schedules that are listed at most. */
const LISTED = 10_000;

/** PUT /v1/schedules/{schedule} */
export async function putSchedule(deps: ApiDeps, checked: Checked<undefined, PutSchedule>): Promise<Answer> {
  const { params, body, request } = checked;
  const name = params["schedule"] ?? "";
  const cron = readCron(body.cron, body.timeZone);
  if (cron.kind === "bad") {
    const errors = [{ pointer: `/${cron.field}`, detail: cron.detail }];
    return refuseWith(problem("invalid_request", `/${cron.field}: ${cron.detail}`, { errors }));
  }
  const prepared = await prepareScheduled(deps, name, body.job);
  if (prepared.kind === "refused") {
    const errors = (prepared.problem.errors ?? []).map((error) => ({
      ...error,
      pointer: `/job${error.pointer ?? ""}`,
    }));
    return refuseWith({ ...prepared.problem, ...(errors.length === 0 ? {} : { errors }) });
  }
  const outcome = await deps.schedules.put(name, body, request);
  const schedule = await deps.schedules.get(name);
  return schedule === null ? unknownSchedule(name) : json(outcome === "created" ? 201 : 200, schedule);
}

/** GET /v1/schedules/{schedule} */
export async function getSchedule(deps: ApiDeps, { params }: Checked<undefined, undefined>): Promise<Answer> {
  const name = params["schedule"] ?? "";
  const schedule = await deps.schedules.get(name);
  return schedule === null ? unknownSchedule(name) : json(200, schedule);
}

/** GET /v1/schedules */
export async function listSchedules(deps: ApiDeps, { query }: Checked<PageQuery, undefined>): Promise<Answer> {
  const schedules = await deps.schedules.list(null, LISTED);
  return answerPage(
    schedules,
    query,
    ascendingBy(({ name }) => name),
    deps.limits,
  );
}

/** DELETE /v1/schedules/{schedule} */
export async function deleteSchedule(deps: ApiDeps, { params }: Checked<undefined, undefined>): Promise<Answer> {
  const name = params["schedule"] ?? "";
  return (await deps.schedules.remove(name)) ? empty(204) : unknownSchedule(name);
}

function unknownSchedule(name: string): Answer {
  return refuse("unknown_schedule", `there is no schedule ${name}`);
}
