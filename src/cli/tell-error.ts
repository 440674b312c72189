/** An error in words, on standard error; with `-o json` the problem document itself. */
import { CairnProblem } from "../client/fault.ts";
import { oneLine } from "./format.ts";
import type { Form } from "./output.ts";
import type { Session } from "./session.ts";
import { UsageError } from "./usage-error.ts";

/** What to do next, where the API's own hint speaks of routes, headers or fields: at a terminal one types commands. */
export const HINTS: Readonly<Partial<Record<string, string>>> = {
  invalid_json: "The API did not understand the request: are both of one version? `cairn doctor` looks.",
  invalid_request: "The lines above say what is wrong; `cairn COMMAND --help` shows how it is written.",
  invalid_cursor: "Take the cursor that the page before told, with the same filters.",
  invalid_idempotency_key: "Give --idempotency-key 1 to 255 printable ASCII characters.",
  invalid_deadline: "Give --timeout from 1ms to 60s; a job (`cairn submit`) may take longer.",
  illegal_transition: "`cairn explain JOB` tells how the job stands.",
  task_failed:
    "The message is the task's own; `cairn get JOB attempts` tells each try, `cairn logs JOB` what a batch job wrote.",
  no_capacity: "It was not started. Try again, allow more time with --timeout, or add replicas.",
  deadline_exceeded: "Allow more time with --timeout, or look why it is slow: `cairn slow TASK`.",
  over_share: "Send fewer at a time, or try again in a moment.",
  input_refused: "That is the task's own word on this input.",
  quarantined: "Read its log (`cairn logs JOB`): memory is the usual cause. When it is mended, `cairn retry JOB`.",
  dependency_cycle: "Cut the circle that is named above.",
  job_cancelled: "`cairn retry JOB` runs it after all.",
  dependency_failed: "`cairn retry` the one that failed: it revives the jobs that wait for it.",
  payload_too_large: "Pass large data by reference: a path or an address in the input.",
  outcome_unknown: "Look it up (`cairn ls`) before asking again; with --idempotency-key asking again is safe.",
  redis_unavailable: "Nothing was accepted: ask again in a moment; `cairn doctor` looks closer.",
  store_unavailable: "Ask again in a moment; `cairn doctor` on the server tells more.",
  unknown_array: "It goes with its last element; `cairn arrays` lists those that exist.",
  unknown_schedule: "`cairn schedules` lists them.",
  unknown_dependency: "Name jobs or arrays that are kept: `cairn ls` and `cairn arrays` list them.",
  not_found: "The API does not know this call: are both of one version? `cairn doctor` looks.",
  invalid_input: "`cairn tasks NAME` shows the task's schema.",
  unknown_task: "`cairn tasks` lists the known ones; a worker registers its tasks when it starts.",
  unknown_job: "It may have been deleted after its retention time; `cairn ls` lists those that exist.",
  unknown_worker: "`cairn workers` lists them.",
  unknown_checkpoint: "`cairn get JOB checkpoints` lists those that are kept.",
  unknown_artifact: "`cairn get JOB artifacts` lists those that are committed.",
  wrong_class: "`cairn submit` runs batch tasks, `cairn invoke` online ones; `cairn tasks` tells which is which.",
  no_worker: "Start a worker that has it (`cairn worker`); `cairn workers` shows who is there.",
};

export function tellError(
  session: Pick<Session, "say" | "colors">,
  error: unknown,
  options: { readonly prefix: string; readonly form: Form },
): void {
  const { say, colors } = session;
  if (!(error instanceof CairnProblem)) {
    const known = error instanceof UsageError || (error instanceof Error && error.name.startsWith("Cairn"));
    // A fault of ours is told with its stack, so that it can be reported.
    const text = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
    say(`${colors.red(options.prefix)}: ${text}`);
    return;
  }
  const { problem } = error;
  if (options.form === "json") {
    say(JSON.stringify(problem));
    return;
  }
  say(`${colors.red(options.prefix)}: ${oneLine(problem.title)}: ${oneLine(problem.detail)}`);
  for (const { pointer, parameter, header, detail } of problem.errors ?? []) {
    const place = pointer ?? parameter ?? header ?? "";
    say(`  ${oneLine(place === "" ? "(the whole)" : place)}: ${oneLine(detail)}`);
  }
  const { job } = problem;
  if (typeof job === "string") say(`  job: ${oneLine(job)}`);
  say(`  ${colors.dim(oneLine(HINTS[error.code] ?? problem.hint))}`);
}
