/** `cairn checkpoint, stop, resume, migrate, cancel, retry`: orders to jobs. */
import type { ArrayVerb, ControlVerb, RetryOptions } from "../../client/options.ts";
import type { Job } from "../../contract/job.ts";
import { addressOptions } from "../api-address.ts";
import { command, flag, type FlagOption, list, value, type Command, type Example } from "../command.ts";
import { EXIT, exitCodeOf, type ExitCode } from "../exit-code.ts";
import { arrayColumns } from "../array-table.ts";
import { jobColumns } from "../job-table.ts";
import { outputOption, writeJson, writeTable, type Form } from "../output.ts";
import type { AddressOptions, Session } from "../session.ts";
import { tellError } from "../tell-error.ts";
import { fileOption, inputArgument, readInput } from "../read-input.ts";
import { readDuration, readPair, readStart, readWhole } from "../values.ts";
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

const arrayOption = flag("the ids are those of arrays: all elements that the order is for get it");

/** One row an array. */
async function orderArrays(
  session: Session,
  verb: ArrayVerb,
  ids: readonly string[],
  options: AddressOptions & { readonly output: Form | undefined },
): Promise<ExitCode> {
  const client = session.client(options);
  const arrays = [];
  for (const id of ids) {
    const { changed, array } = await client.arrays.control(id, verb);
    session.say(`${id}: ${changed} of ${array.count} elements took the order.`);
    arrays.push(array);
  }
  if (options.output === "json")
    await writeJson(session, arrays.length === 1 ? arrays[0] : { items: arrays, nextCursor: null });
  else await writeTable(session, arrayColumns(session), arrays, options.output ?? "table");
  return EXIT.ok;
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

function isArrayVerb(verb: ControlVerb): verb is ArrayVerb {
  return verb === "stop" || verb === "resume" || verb === "cancel" || verb === "retry";
}

function verbCommand(verb: Verb): Command {
  const { summary, detail, example } = VERBS[verb];
  // A verb that no array takes has no such option; to the type it is one that was not given.
  const arrayOptions = (isArrayVerb(verb) ? { array: arrayOption } : {}) as { readonly array: FlagOption };
  return command({
    name: verb,
    group: "Steer jobs",
    summary,
    ...(detail === undefined ? {} : { detail }),
    does: `POST /v1/jobs/{id}/${verb}`,
    args: [jobsArgument],
    options: { ...arrayOptions, wait: waitOption, output: outputOption, ...addressOptions },
    examples: [example],
    async run(session, ids, options) {
      if (options.array && isArrayVerb(verb)) {
        return await orderArrays(session, verb, ids, { ...options, output: options.output });
      }
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
    array: arrayOption,
    from: value("point", "start, last, or the number of a kept checkpoint; default last", readStart),
    wait: waitOption,
    output: outputOption,
    ...addressOptions,
  },
  examples: [
    { line: "cairn retry $JOB", does: "goes on from its last checkpoint" },
    { line: "cairn retry $JOB --from start", does: "forgets what was done" },
    { line: "cairn retry $ARRAY --array", does: "runs those of its elements again that did not succeed" },
  ],
  async run(session, ids, options) {
    if (options.array) return await orderArrays(session, "retry", ids, { ...options, output: options.output });
    const { from, wait: waitMs, output: form = "table" } = options;
    return await orderAll(session, { verb: "retry", ids, options: { from, waitMs }, address: options, form });
  },
});

export const fork = command({
  name: "fork",
  group: "Steer jobs",
  summary: "begin a new job at a checkpoint of another, with another input if given",
  detail: "The job itself goes on untouched. Prints the id of the new one.",
  does: "POST /v1/jobs/{id}/fork",
  args: [{ name: "job", meaning: "id of the job", count: "one" }, inputArgument],
  options: {
    from: value("point", "start, last, or the number of a kept checkpoint; default last", readStart),
    file: fileOption,
    label: list("key=value", "a label instead of the job's own; may repeat", readPair),
    priority: value("n", "-10 to 10, higher first; default the job's own", readWhole({ from: -10, to: 10 })),
    output: outputOption,
    ...addressOptions,
  },
  examples: [{ line: "cairn fork $JOB --label variant=b", does: "goes on from its last checkpoint, beside it" }],
  async run(session, [id = "", argument], options) {
    const { from, priority, file, output } = options;
    const hasInput = argument !== undefined || file !== undefined;
    const job = await session.client(options).fork(id, {
      ...(from === undefined ? {} : { from }),
      ...(hasInput ? { input: await readInput(session, argument, file) } : {}),
      ...(options.label.length === 0 ? {} : { labels: Object.fromEntries(options.label) }),
      ...(priority === undefined ? {} : { priority }),
    });
    if (from !== "start" && job.checkpoint === null)
      session.say(`${id} has no checkpoint: the fork begins from the beginning.`);
    else if (job.checkpoint !== null) session.say(`It begins at checkpoint ${job.checkpoint.seq} of ${id}.`);
    if (output === "json") await writeJson(session, job);
    else await session.out(`${job.id}\n`);
    return EXIT.ok;
  },
});
