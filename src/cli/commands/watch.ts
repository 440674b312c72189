/** `cairn watch`: progress of jobs until their end. */
import { setTimeout as delay } from "node:timers/promises";
import type { Job } from "../../contract/job.ts";
import { CairnTimeout } from "../../client/fault.ts";
import { addressOptions } from "../api-address.ts";
import { command, value } from "../command.ts";
import { exitCodeOfJobs } from "../exit-code.ts";
import { oneLine } from "../format.ts";
import { jobColumns } from "../job-table.ts";
import { outputOption, writeJson, writeTable } from "../output.ts";
import { ProgressBars } from "../progress-bars.ts";
import { readDuration } from "../values.ts";

/** On a terminal progress is looked at this often, ms; in a pipe nobody sees it. */
const LOOK_MS = { terminal: 500, pipe: 2_000 } as const;

export const watch = command({
  name: "watch",
  group: "See what happens",
  summary: "show the progress of jobs until they end",
  detail:
    "Standard error gets progress bars on a terminal, and a line for every change in a pipe; standard output gets the " +
    "jobs when all have ended. The exit code tells the outcome. A stopped job is waited for: somebody may resume it.",
  does: "GET /v1/jobs/{id}/events, GET /v1/jobs/{id}",
  args: [{ name: "job", meaning: "ids of the jobs", count: "many" }],
  options: {
    timeout: value("time", "watch no longer than this; the jobs go on", readDuration),
    output: outputOption,
    ...addressOptions,
  },
  examples: [
    { line: "cairn watch $JOB", does: "a progress bar, then the job; exit code 0 if it succeeded" },
    { line: "cairn watch $JOB --timeout 10m && echo done", does: "for scripts" },
  ],
  async run(session, ids, options) {
    const client = session.client(options);
    const bars = new ProgressBars(session);
    const over = new AbortController();
    const { timeout, output = "table" } = options;
    const everyMs = session.terminal.err ? LOOK_MS.terminal : LOOK_MS.pipe;
    const timer =
      timeout === undefined
        ? null
        : delay(timeout, undefined, { signal: over.signal, ref: false }).then(
            () => over.abort(new CairnTimeout(timeout, "not all jobs ended")),
            () => undefined,
          );
    const follow = async (id: string): Promise<Job> => {
      let last: Job | null = null;
      for await (const job of client.follow(id, { everyMs, signal: over.signal })) {
        if (job.state === "stopped" && last?.state !== "stopped")
          session.say(`${id} is stopped: ${session.typed} resume ${id}`);
        bars.update(job);
        last = job;
      }
      if (last === null) throw new Error(`${id} was followed, but never seen`);
      return last;
    };
    let jobs: Job[];
    try {
      jobs = await Promise.all([...new Set(ids)].map(follow));
    } catch (error) {
      // The first failure ends the others too.
      over.abort();
      throw over.signal.reason instanceof CairnTimeout ? over.signal.reason : error;
    }
    over.abort();
    await timer;
    if (output === "json") await writeJson(session, jobs.length === 1 ? jobs[0] : { items: jobs, nextCursor: null });
    else await writeTable(session, jobColumns(session), jobs, output);
    for (const { id, error } of jobs) if (error !== null) session.say(oneLine(`${id}: ${error.detail}`));
    return exitCodeOfJobs(jobs);
  },
});
