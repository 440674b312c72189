/** POST /v1/jobs/{id}/fork: a job that begins at a checkpoint of another, with another input if wanted. */
import type { Fork } from "../../src/contract/job.ts";
import { refuse, refuseWith, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { acceptedJob } from "../job-answer.ts";
import type { Checked } from "../route.ts";
import { prepare } from "../submission.ts";
import { unknownJob } from "./jobs.ts";

export async function forkJob(deps: ApiDeps, checked: Checked<undefined, Fork>): Promise<Answer> {
  const { params, body, request } = checked;
  const id = params["id"] ?? "";
  const parent = await deps.reader.get(id);
  if (parent === null) return unknownJob(id);
  if (parent.class !== "batch") return refuse("wrong_class", `job ${id} is a request to an online task`);
  const { input, ...rest } = body;
  let inputText: string | null = null;
  if (input !== undefined) {
    const { task, pool, priority } = parent;
    const labels = body.labels ?? parent.labels;
    const prepared = await prepare(deps, { task, input, pool, priority, labels, dependsOn: [] });
    if (prepared.kind === "refused") return refuseWith(prepared.problem);
    inputText = prepared.inputText;
  }
  const outcome = await deps.writer.fork(id, { ...rest, inputText, by: request.by, caller: request.caller });
  switch (outcome.kind) {
    case "created":
      return acceptedJob(deps, request, outcome.job);
    case "not_found":
      return unknownJob(id);
    case "unknown_checkpoint":
      return refuse("unknown_checkpoint", `job ${id} does not keep that checkpoint`);
  }
}
