/** POST /v1/jobs/{id}/{verb}: what people ask of a job. Any API process takes it, wherever the job runs. */
import type { ControlOutcome, ControlVerb } from "../../src/batch/batch.ts";
import { isFinalState, type Job } from "../../src/contract/job.ts";
import { json, refuse, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { jobAddress } from "../job-answer.ts";
import type { Checked } from "../route.ts";
import { unknownJob } from "./jobs.ts";

interface WaitQuery {
  readonly wait?: number | undefined;
}

/** Has what was asked for come about? `before` is the job as the order found it. */
const EFFECTS: Readonly<Record<ControlVerb, (job: Job, before: Job) => boolean>> = {
  checkpoint: (job, before) => (job.checkpoint?.seq ?? 0) > (before.checkpoint?.seq ?? 0) || job.state !== "running",
  stop: ({ state }) => state !== "running" && state !== "stopping",
  cancel: ({ state }) => isFinalState(state),
  migrate: (job, before) => job.attempts > before.attempts || isFinalState(job.state) || job.state === "stopped",
  resume: () => true,
  retry: () => true,
};

/** A handler for one verb; `from` reads where a retry is to begin. */
export function controlJob<Body>(
  verb: ControlVerb,
  from?: (body: Body) => "start" | "last" | number,
): (deps: ApiDeps, checked: Checked<WaitQuery, Body>) => Promise<Answer> {
  return async (deps, { params, query, body, request }) => {
    const id = params["id"] ?? "";
    const begin = from === undefined ? {} : { from: from(body) };
    const outcome = await deps.writer.control(id, verb, { by: request.by, ...begin });
    const refused = refusalOf(outcome, id);
    if (refused !== null) return refused;
    if (outcome.kind !== "accepted" && outcome.kind !== "unchanged") return unknownJob(id);
    const waitMs = Math.min((query.wait ?? 0) * 1_000, deps.limits.maxWaitMs);
    const before = outcome.job;
    const reached = (job: Job): boolean => EFFECTS[verb](job, before);
    const job = waitMs === 0 ? before : await deps.waiter.wait(before, waitMs, request.gone, reached);
    const done = outcome.kind === "unchanged" || (waitMs > 0 && reached(job));
    return json(done ? 200 : 202, job, { Location: jobAddress(deps, request, id) });
  };
}

function refusalOf(outcome: ControlOutcome, id: string): Answer | null {
  switch (outcome.kind) {
    case "not_found":
      return unknownJob(id);
    case "unknown_checkpoint":
      return refuse("unknown_checkpoint", `job ${id} does not keep that checkpoint`);
    case "dependency_failed":
      return refuse("dependency_failed", `job ${id} waits for ${outcome.dependency}, which did not succeed`, {
        dependency: outcome.dependency,
      });
    case "illegal":
      return refuse("illegal_transition", outcome.detail, { job: outcome.job.id, state: outcome.job.state });
    default:
      return null;
  }
}
