/** `cairn explain`: why a job is where it is, and what would change it. */
import type { CairnClient } from "../../client/client.ts";
import { CairnProblem } from "../../client/fault.ts";
import type { TaskView } from "../../contract/worker.ts";
import { addressOptions } from "../api-address.ts";
import { command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { explainJob } from "../explain-job.ts";
import { outputOption, writeJson } from "../output.ts";

export const explain = command({
  name: "explain",
  group: "See what happens",
  summary: "say in sentences why a job is where it is",
  does: "GET /v1/jobs/{id}, /attempts, /dependencies, /v1/tasks, /v1/workers",
  args: [{ name: "job", meaning: "id of the job", count: "one" }],
  options: { output: outputOption, ...addressOptions },
  examples: [{ line: "cairn explain $JOB", does: "state, reason, attempts, checkpoint, and who could run it" }],
  async run(session, [id = ""], options) {
    const client = session.client(options);
    const job = await client.job(id);
    const waits = job.state === "blocked" || job.reason === "dependency_failed";
    const [attempts, dependencies, workers, task] = await Promise.all([
      collect(client.attempts(id)),
      waits ? collect(client.dependencies(id)) : [],
      collect(client.workers()),
      findTask(client, job.task),
    ]);
    const sentences = explainJob({
      job,
      attempts,
      dependencies,
      workers,
      task,
      nowMs: session.clock.nowMs(),
      typed: session.typed,
    });
    if (options.output === "json")
      await writeJson(session, { job: job.id, state: job.state, reason: job.reason, sentences });
    else await session.out(sentences.map((sentence) => `${sentence}\n`).join(""));
    return EXIT.ok;
  },
});

async function collect<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of source) items.push(item);
  return items;
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
