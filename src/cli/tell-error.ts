/** An error in words, on standard error; with `-o json` the problem document itself. */
import { CairnProblem } from "../client/fault.ts";
import { oneLine } from "./format.ts";
import type { Form } from "./output.ts";
import type { Session } from "./session.ts";
import { UsageError } from "./usage-error.ts";

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
  say(`  ${colors.dim(oneLine(problem.hint))}`);
}
