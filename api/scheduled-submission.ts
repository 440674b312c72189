/** What a schedule submits: checked when the schedule is made, and again each time. */
import type { SubmitScheduled } from "../src/batch/batch.ts";
import type { Submit } from "../src/contract/job.ts";
import { problem } from "../src/contract/problem.ts";
import type { PutSchedule } from "../src/contract/schedule.ts";
import type { ApiDeps } from "./deps.ts";
import { prepare, type Prepared } from "./submission.ts";

/** The label by which the jobs of a schedule are found. */
const LABEL = "schedule";

/** @throws RedisFault */
export async function prepareScheduled(deps: ApiDeps, schedule: string, job: PutSchedule["job"]): Promise<Prepared> {
  const submit: Submit = { ...job, dependsOn: [], labels: { ...job.labels, [LABEL]: schedule } };
  const prepared = await prepare(deps, submit);
  if (prepared.kind === "ready" && prepared.task.class !== "batch") {
    const detail = `${submit.task} is an online task; a schedule submits batch jobs`;
    return { kind: "refused", problem: problem("wrong_class", detail) };
  }
  return prepared;
}

/** Submits for a schedule whose time has come. */
export function submitterOf(deps: ApiDeps): SubmitScheduled {
  return async ({ id, schedule, job, by, caller }) => {
    const prepared = await prepareScheduled(deps, schedule, job);
    if (prepared.kind === "refused") return prepared;
    const { task, submit, inputText } = prepared;
    await deps.writer.submit({ id, task, submit, inputText, idempotency: null, by, caller });
    return { kind: "submitted" };
  };
}
