/** `cairn checkpoint, stop, resume, migrate, cancel, retry`: orders to jobs. */
import type { CairnClient, ControlOptions } from "../../client/client.ts";
import type { Job } from "../../contract/job.ts";
import { addressOptions } from "../api-address.ts";
import { command, value, type Command, type Example } from "../command.ts";
import { EXIT, exitCodeOf, type ExitCode } from "../exit-code.ts";
import { jobColumns } from "../job-table.ts";
import { outputOption, writeJson, writeTable, type Form } from "../output.ts";
import type { Session } from "../session.ts";
import { tellError } from "../tell-error.ts";
import { readDuration, readStart } from "../values.ts";

const waitOption = value(
  "time",
  "wait up to this long for the effect; default: answer when it is ordered",
  readDuration,
);
const jobsArgument = { name: "job", meaning: "ids of the jobs", count: "many" } as const;

type Verb = "checkpoint" | "stop" | "resume" | "migrate" | "cancel";

interface VerbSpec {
  readonly summary: string;
  readonly detail?: string;
  readonly example: Example;
}

const VERBS: Readonly<Record<Verb, VerbSpec>> = {
  checkpoint: {
    summary: "make a checkpoint now; the job runs on",
    example: { line: "cairn checkpoint $JOB --wait 10s", does: "returns when it is committed" },
  },
  stop: {
    summary: "park jobs at a checkpoint made for that",
    detail: "A running job makes a checkpoint and gives its slot back; a waiting one is parked at once.",
    example: { line: "cairn stop $JOB --wait 30s", does: "returns when the slot is free" },
  },
  resume: {
    summary: "let stopped jobs go on from their last checkpoint",
    example: { line: "cairn resume $JOB", does: "queues it again" },
  },
  migrate: {
    summary: "move running jobs to another worker",
    example: { line: "cairn migrate $JOB", does: "it goes on elsewhere from a checkpoint made for that" },
  },
  cancel: {
    summary: "give jobs up",
    example: { line: "cairn cancel $JOB", does: "final; `cairn retry` can start it again" },
  },
};

/** One row a job; every job is tried, and the exit code is that of the first that could not be done. */
async function orderAll(
  session: Session,
  ids: readonly string[],
  form: Form,
  order: (id: string) => Promise<Job>,
): Promise<ExitCode> {
  const jobs: Job[] = [];
  let exit: ExitCode = EXIT.ok;
  for (const id of ids) {
    try {
      jobs.push(await order(id));
    } catch (error) {
      // With one job the error is the command's own; with several it must not hide what became of the others.
      if (ids.length === 1) throw error;
      tellError(session, error, { prefix: id, form });
      if (exit === EXIT.ok) exit = exitCodeOf(error);
    }
  }
  if (form === "json") await writeJson(session, ids.length === 1 ? jobs[0] : { items: jobs, nextCursor: null });
  else if (jobs.length > 0) await writeTable(session, jobColumns(session), jobs, form);
  return exit;
}

function verbCommand(verb: Verb): Command {
  const { summary, detail, example } = VERBS[verb];
  return command({
    name: verb,
    group: "Steer jobs",
    summary,
    ...(detail === undefined ? {} : { detail }),
    does: `POST /v1/jobs/{id}/${verb}`,
    args: [jobsArgument],
    options: { wait: waitOption, output: outputOption, ...addressOptions },
    examples: [example],
    async run(session, ids, options) {
      const client = session.client(options);
      const order = verbCall(client, verb);
      return await orderAll(session, ids, options.output ?? "table", (id) => order(id, { waitMs: options.wait }));
    },
  });
}

function verbCall(client: CairnClient, verb: Verb): (id: string, options: ControlOptions) => Promise<Job> {
  return async (id, options) => await client[verb](id, options);
}

export const controls: readonly Command[] = (Object.keys(VERBS) as Verb[]).map(verbCommand);

export const retry = command({
  name: "retry",
  group: "Steer jobs",
  summary: "run final jobs again",
  does: "POST /v1/jobs/{id}/retry",
  args: [jobsArgument],
  options: {
    from: value("point", "start, last, or the number of a kept checkpoint; default last", readStart),
    wait: waitOption,
    output: outputOption,
    ...addressOptions,
  },
  examples: [
    { line: "cairn retry $JOB", does: "goes on from its last checkpoint" },
    { line: "cairn retry $JOB --from start", does: "forgets what was done" },
  ],
  async run(session, ids, options) {
    const client = session.client(options);
    const { from = "last", wait, output = "table" } = options;
    return await orderAll(session, ids, output, async (id) => await client.retry(id, { from, waitMs: wait }));
  },
});
