/** An error in words, on standard error; with `-o json` the problem document itself. */
import { CairnProblem } from "../client/fault.ts";
import { oneLine } from "./format.ts";
import type { Form } from "./output.ts";
import type { Session } from "./session.ts";
import { UsageError } from "./usage-error.ts";

/** What to do next, where the API's own hint speaks of routes: at a terminal one types commands. */
const HINTS: Readonly<Partial<Record<string, string>>> = {
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
  say(`  ${colors.dim(oneLine(HINTS[error.code] ?? problem.hint))}`);
}
