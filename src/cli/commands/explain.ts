/** `cairn explain`: why a job is where it is, and what would change it. */
import type { CairnClient } from "../../client/client.ts";
import { CairnProblem } from "../../client/fault.ts";
import type { Job } from "../../contract/job.ts";
import type { TaskView } from "../../contract/worker.ts";
import { addressOptions } from "../api-address.ts";
import { command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { explainJob } from "../explain-job.ts";
import { ordersOf } from "../job-orders.ts";
import { outputOption, writeJson } from "../output.ts";
import { collect } from "./jobs.ts";

/** Of the log of a job that failed. */
const LINES_TOLD = 5;
const TAIL_BYTES = 4_096;

export const explain = command({
  name: "explain",
  group: "See what happens",
  summary: "say in sentences why a job is where it is",
  does: "GET /v1/jobs/{id}, /attempts, /dependencies, /logs, /events, /v1/tasks, /v1/workers, /v1/fleet",
  args: [{ name: "job", meaning: "id of the job", count: "one" }],
  options: { output: outputOption, ...addressOptions },
  examples: [{ line: "cairn explain $JOB", does: "state, reason, attempts, checkpoint, and who could run it" }],
  async run(session, [id = ""], options) {
    const client = session.client(options);
    const job = await client.job(id);
    const waits = job.state === "blocked" || job.reason === "dependency_failed";
    const [attempts, dependencies, workers, task, lastWords, fleet, events] = await Promise.all([
      collect(client.attempts(id)),
      waits ? collect(client.dependencies(id)) : [],
      collect(client.workers()),
      findTask(client, job.task),
      job.state === "failed" && job.class === "batch" ? lastLines(client, job) : [],
      client.fleet(),
      collect(client.history(id)),
    ]);
    const sentences = explainJob({
      job,
      attempts,
      dependencies,
      workers,
      task,
      lastWords,
      brake: fleet.brake,
      orders: ordersOf(events),
      nowMs: session.clock.nowMs(),
      typed: session.typed,
    });
    if (options.output === "json")
      await writeJson(session, { job: job.id, state: job.state, reason: job.reason, sentences });
    else await session.out(sentences.map((sentence) => `${sentence}\n`).join(""));
    return EXIT.ok;
  },
});

/** What its latest attempt wrote last; nothing when the store does not give it. */
async function lastLines(client: CairnClient, { id, attempts }: Job): Promise<string[]> {
  let tail = Buffer.alloc(0);
  try {
    for await (const chunk of client.logs(id, { attempt: Math.max(1, attempts) })) {
      tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
    }
  } catch (error) {
    if (!(error instanceof CairnProblem)) throw error;
  }
  return tail
    .toString()
    .trimEnd()
    .split("\n")
    .slice(-LINES_TOLD)
    .filter((line) => line !== "");
}

/** A task may be forgotten while its old jobs are still known. */
async function findTask(client: CairnClient, name: string): Promise<TaskView | null> {
  try {
    return await client.task(name);
  } catch (error) {
    if (error instanceof CairnProblem && error.code === "unknown_task") return null;
    throw error;
  }
}
