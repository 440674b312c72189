/** What a submission becomes in the record. */
import { jobsNamedIn } from "../domain/named-jobs.ts";
import type { NewJob } from "./jobs.ts";
import { queueName } from "./tickets.ts";

/** Field, value, …: all that a record gets from its submission, but for the input. */
export function jobFields(request: Omit<NewJob, "inputText" | "idempotency">): string[] {
  const { task, submit, by, caller, traceparent = null } = request;
  const version = task.checkpointVersion ?? 1;
  return [
    ...["task", task.name, "class", task.class, "definition", task.definition],
    ...["version", version, "pool", submit.pool, "queue", queueName(submit.pool, task.name, version)],
    ...["priority", submit.priority, "by", by, "caller", caller],
    ...["timeoutMs", submit.timeoutMs ?? "", "maxRetries", submit.maxRetries ?? task.maxRetries ?? 0],
    ...["keep", submit.checkpoint?.keep ?? task.keep ?? 2],
    ...["intervalMs", submit.checkpoint?.intervalMs ?? task.interval?.everyMs ?? "auto"],
    ...["minIntervalMs", task.interval?.minMs ?? 1_000, "maxIntervalMs", task.interval?.maxMs ?? 600_000],
    ...["backoff", JSON.stringify(task.backoff), "effects", task.effects ?? "none"],
    ...["dependsOn", submit.dependsOn.length === 0 ? "" : JSON.stringify(submit.dependsOn)],
    ...(traceparent === null ? [] : ["traceparent", traceparent]),
    ...labelFields(submit.labels),
  ].map(String);
}

/** An input as it came, and the jobs that it names: they are kept as long as it may be needed (RT1). */
export function inputFields(inputText: string): string[] {
  return ["input", inputText, "named", jobsNamedIn(inputText).join("\n")];
}

/** Labels as they are shown, and as they are indexed. */
export function labelFields(labels: Readonly<Record<string, string>>): string[] {
  const terms = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return ["labels", JSON.stringify(labels), "labelTerms", terms.join("\n")];
}
