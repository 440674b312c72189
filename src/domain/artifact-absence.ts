/** Why an artifact that a job takes as its input is not there, and what to do about it, in a sentence. Pure. */
import { isFinal, type JobState } from "./job-state.ts";
import { nearestName } from "./nearest-name.ts";

/** What has, or has not, published the artifact. */
export type Publisher =
  | {
      readonly kind: "job";
      readonly state: JobState;
      /** Some of the names that it has published. */
      readonly names: readonly string[];
      /** How many it has published. */
      readonly count: number;
    }
  | { readonly kind: "array" }
  /** There are no jobs here: `cairn simulate`. */
  | { readonly kind: "simulated" }
  /** There is no such job (any more). */
  | { readonly kind: "nobody" };

const NAMES_TOLD = 5;

export function artifactAbsence(job: string, name: string, publisher: Publisher): string {
  switch (publisher.kind) {
    case "nobody":
      return `there is no job ${JSON.stringify(job)} with an artifact ${name}: it was deleted, is kept no longer, or is misspelt; submit this job again with the id of one that is there`;
    case "array":
      return `${job} is an array of jobs, which have artifacts of their own; submit this job again with the id of one of its elements (cairn ls --array ${job})`;
    case "simulated":
      return `there are no other jobs here, so none with an artifact ${name}: give a file in its place, --artifact ${name}=FILE`;
    case "job":
      return ofJob(job, name, publisher);
  }
}

function ofJob(job: string, name: string, { state, names, count }: Extract<Publisher, { kind: "job" }>): string {
  if (!isFinal(state)) {
    return `job ${job} is ${state} and has published no artifact ${name} yet; retry this job when that one has succeeded, and next time let it wait (dependsOn)`;
  }
  if (state !== "succeeded") {
    return `job ${job} is ${state}, without an artifact ${name}; retry that one, and when it has succeeded this one`;
  }
  if (count === 0) {
    return `job ${job} has succeeded without any artifact; name one that publishes ${name} (outputs of a program, ctx.artifact of a task)`;
  }
  const near = nearestName(name, names);
  const told = [...names].sort().slice(0, NAMES_TOLD);
  const more = count > told.length ? ` and ${count - told.length} more` : "";
  const meant = near === null ? "" : ` (was ${near} meant?)`;
  return `job ${job} has succeeded without an artifact ${name}; it has ${told.join(", ")}${more}${meant}: submit this job again with a name of these`;
}
