/** `cairn checkpoint, stop, resume, migrate, cancel, retry`: orders to jobs. */
import type { ControlVerb, RetryOptions } from "../../client/options.ts";
import type { Job } from "../../contract/job.ts";
import { addressOptions } from "../api-address.ts";
import { command, value, type Command, type Example } from "../command.ts";
import { EXIT, exitCodeOf, type ExitCode } from "../exit-code.ts";
import { jobColumns } from "../job-table.ts";
import { outputOption, writeJson, writeTable, type Form } from "../output.ts";
import type { AddressOptions, Session } from "../session.ts";
import { tellError } from "../tell-error.ts";
import { readDuration, readStart } from "../values.ts";
import { UsageError } from "../usage-error.ts";

const waitOption = value(
  "time",
  "wait up to this long for the effect, at most 25s; default: answer when it is ordered",
  readWait,
);
const jobsArgument = { name: "job", meaning: "ids of the jobs", count: "many" } as const;

type Verb = Exclude<ControlVerb, "retry">;

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
    example: { line: "cairn stop $JOB --wait 20s", does: "returns when the slot is free" },
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

/** The longest that a server holds an answer back, ms. */
const LONGEST_WAIT_MS = 25_000;

function readWait(text: string): number {
  const ms = readDuration(text);
  if (ms > LONGEST_WAIT_MS) throw new UsageError(`"${text}" is longer than 25s`);
  return ms;
}

interface OrderCall {
  readonly verb: ControlVerb;
  readonly ids: readonly string[];
  readonly options: RetryOptions;
  readonly address: AddressOptions;
  readonly form: Form;
}

/** One row a job; every job is tried, and the exit code is that of the first that could not be done. */
async function orderAll(session: Session, { verb, ids, options, address, form }: OrderCall): Promise<ExitCode> {
  const client = session.client(address);
  const jobs: Job[] = [];
  let exit: ExitCode = EXIT.ok;
  for (const id of ids) {
    try {
      const { job, effect } = await client.control(id, verb, options);
      jobs.push(job);
      if (options.waitMs === undefined || effect === "stands") continue;
      session.say(`${id}: it is ordered, but has not come about yet.`);
      exit = EXIT.timeout;
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
      const { wait: waitMs, output: form = "table" } = options;
      return await orderAll(session, { verb, ids, options: { waitMs }, address: options, form });
    },
  });
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
    const { from, wait: waitMs, output: form = "table" } = options;
    return await orderAll(session, { verb: "retry", ids, options: { from, waitMs }, address: options, form });
  },
});
