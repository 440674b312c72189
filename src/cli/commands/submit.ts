/** `cairn submit` and `cairn invoke`: batch jobs and online requests. */
import { isFinalState, type Job, type SubmitRequest } from "../../contract/job.ts";
import { CairnTimeout } from "../../client/fault.ts";
import { addressOptions } from "../api-address.ts";
import { command, flag, list, type OptionValues, value } from "../command.ts";
import { EXIT, exitCodeOfJobs, type ExitCode } from "../exit-code.ts";
import { oneLine } from "../format.ts";
import { outputOption, writeJson } from "../output.ts";
import { ProgressBars } from "../progress-bars.ts";
import { fileOption, inputArgument, readInput } from "../read-input.ts";
import type { Session } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { readDependency, readDuration, readJobId, readPair, readText, readTime, readWhole } from "../values.ts";

const taskArgument = { name: "task", meaning: "name of the task, see `cairn tasks`", count: "one" } as const;
const keyOption = value("key", "name of this request: asked again with it, it happens once", readText);

const submitOptions = {
  file: fileOption,
  wait: flag("wait for the end; exit by its outcome; standard output gets the output"),
  waitTimeout: value("time", "wait no longer than this (implies --wait); the job goes on", readDuration),
  idempotencyKey: keyOption,
  label: list("key=value", "a label; may repeat", readPair),
  priority: value("n", "-10 to 10, higher first; default 0", readWhole({ from: -10, to: 10 })),
  pool: value("name", "pool of workers; default `default`", readText),
  runAt: value("time", "not before: 2030-01-31T18:00:00Z, or +10m", readText),
  dependsOn: list("job", "not before this job or array has succeeded (job:run: has ended); may repeat", readDependency),
  array: value(
    "n",
    "n jobs instead of one; {index} in the input is 0, 1, …; prints the array's id",
    readWhole({ from: 1, to: 10_000 }),
  ),
  timeout: value("time", "longest time for one attempt", readDuration),
  deadline: value("time", "longest time for the whole job, from now", readDuration),
  maxRetries: value("n", "how often the task itself may fail before the job does", readWhole({ from: 0, to: 1_000 })),
  checkpointEvery: value("time", "time between checkpoints; default: what costs least", readDuration),
  output: outputOption,
  ...addressOptions,
};

export const submit = command({
  name: "submit",
  group: "Submit work",
  summary: "submit a job",
  detail:
    "Of a batch task, or of an online task that nobody waits for. Prints the job's id. With --wait it shows progress, prints the job's output, and its exit code tells the " +
    "outcome; Ctrl-C then ends the waiting and not the job.",
  does: "POST /v1/jobs",
  args: [taskArgument, inputArgument],
  options: submitOptions,
  examples: [
    { line: `cairn submit count '{"steps":30,"stepMs":1000}'`, does: "prints the id of the new job" },
    {
      line: `cairn submit count '{"steps":5,"stepMs":200}' --label team=ocean --priority 5 --wait`,
      does: "waits, and prints the output",
    },
    {
      line: `cairn submit count '{"steps":5,"stepMs":"{index}"}' --array 100`,
      does: "a hundred jobs, with steps of 0 to 99 ms",
    },
    { line: `cairn submit sleep '{"ms":5000}' --deadline 1m`, does: "an online request that outlives its caller" },
  ],
  async run(session, [task = "", argument], options) {
    const client = session.client(options);
    const request = {
      task,
      input: await readInput(session, argument, options.file),
      ...(options.label.length === 0 ? {} : { labels: Object.fromEntries(options.label) }),
      ...given("priority", options.priority),
      ...given("pool", options.pool),
      ...given("runAt", options.runAt === undefined ? undefined : readTime(options.runAt, session.clock.nowMs())),
      ...(options.dependsOn.length === 0
        ? {}
        : { dependsOn: options.dependsOn.map(({ job, onFailure }) => ({ job: readJobId(job), onFailure })) }),
      ...given("timeoutMs", options.timeout),
      ...given("deadlineMs", options.deadline),
      ...given("maxRetries", options.maxRetries),
      ...(options.checkpointEvery === undefined ? {} : { checkpoint: { intervalMs: options.checkpointEvery } }),
    } satisfies SubmitRequest;
    if (options.array !== undefined) return await submitArray(session, options, request, options.array);
    const { job, replayed } = await client.submit(request, { idempotencyKey: options.idempotencyKey });
    if (replayed) session.say(`${job.id} was submitted before with this Idempotency-Key; it is ${job.state}.`);
    if (!options.wait && options.waitTimeout === undefined) {
      if (!replayed) session.say(`Submitted. Follow it with: ${session.typed} watch ${job.id}`);
      if (options.output === "json") await writeJson(session, job);
      else await session.out(`${job.id}\n`);
      return EXIT.ok;
    }
    if (!replayed) session.say(`Submitted as ${job.id}.`);
    const bars = new ProgressBars(session);
    bars.update(job);
    const onUpdate = (now: Job): void => bars.update(now);
    try {
      const end = isFinalState(job.state)
        ? job
        : await client.wait(job.id, { timeoutMs: options.waitTimeout, onUpdate });
      return await tellEnd(session, end, options.output ?? "table");
    } catch (error) {
      if (!(error instanceof CairnTimeout)) throw error;
      session.say(`It goes on. Follow it with: ${session.typed} watch ${job.id}`);
      throw error;
    }
  },
});

type SubmitOptions = OptionValues<typeof submitOptions>;

async function submitArray(
  session: Session,
  options: SubmitOptions,
  request: SubmitRequest,
  count: number,
): Promise<ExitCode> {
  if (options.wait || options.waitTimeout !== undefined) {
    throw new UsageError("--array does not wait: submit a job with --depends-on the array, and wait for that");
  }
  const client = session.client(options);
  const array = await client.arrays.submit(request, { count }, { idempotencyKey: options.idempotencyKey });
  session.say(`Submitted ${array.count} jobs. Look at them with: ${session.typed} arrays ${array.id}`);
  if (options.output === "json") await writeJson(session, array);
  else await session.out(`${array.id}\n`);
  return EXIT.ok;
}

/** Only what was given: the API knows the defaults. */
function given<Name extends string, Value>(
  name: Name,
  content: Value | undefined,
): Partial<Record<Name, Value>> | Record<string, never> {
  return content === undefined ? {} : ({ [name]: content } as Record<Name, Value>);
}

async function tellEnd(session: Session, job: Job, form: "table" | "wide" | "json"): Promise<ExitCode> {
  if (form === "json") await writeJson(session, job);
  else if (job.state === "succeeded") await writeJson(session, job.output);
  if (job.state !== "succeeded") {
    const why = job.error === null ? "" : `: ${oneLine(job.error.detail)}`;
    session.say(`${job.id} ${job.state}${why}. More with: ${session.typed} explain ${job.id}`);
  }
  return exitCodeOfJobs([job]);
}

export const invoke = command({
  name: "invoke",
  group: "Submit work",
  summary: "ask an online task and print its output",
  does: "POST /v1/tasks/{task}/invoke",
  args: [taskArgument, inputArgument],
  options: {
    file: fileOption,
    timeout: value("time", "how long the answer is waited for; default: the task's own deadline", readDuration),
    idempotencyKey: keyOption,
    ...addressOptions,
  },
  examples: [
    { line: `cairn invoke echo '{"hello":"world"}'`, does: "prints what the task answers" },
    { line: `echo '{"ms":100}' | cairn invoke sleep - --timeout 2s`, does: "takes the input from a pipe" },
  ],
  async run(session, [task = "", argument], options) {
    const client = session.client(options);
    const input = await readInput(session, argument, options.file);
    const output = await client.invoke(task, input, {
      timeoutMs: options.timeout,
      idempotencyKey: options.idempotencyKey,
    });
    await writeJson(session, output);
    return EXIT.ok;
  },
});
