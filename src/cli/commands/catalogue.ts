/** `cairn tasks`, `cairn slow` and `cairn queues`. */
import { addressOptions } from "../api-address.ts";
import { command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { outputOption, writeJson } from "../output.ts";
import { queueColumns, slowColumns, taskColumns } from "../worker-table.ts";
import { showList } from "./jobs.ts";

export const tasks = command({
  name: "tasks",
  group: "See what happens",
  summary: "list the tasks that workers have, or show one with its schema",
  does: "GET /v1/tasks, GET /v1/tasks/{task}",
  args: [
    { name: "task", meaning: "name of a task: shown as JSON, with the schemas of input and output", count: "optional" },
  ],
  options: { output: outputOption, ...addressOptions },
  examples: [
    { line: "cairn tasks", does: "names, classes, and how many workers have them" },
    { line: "cairn tasks count", does: "what its input must look like" },
  ],
  async run(session, [name], options) {
    const client = session.client(options);
    if (name === undefined) await showList(session, client.tasks(), taskColumns, options.output ?? "table");
    else await writeJson(session, await client.task(name));
    return EXIT.ok;
  },
});

export const slow = command({
  name: "slow",
  group: "See what happens",
  summary: "show the slowest requests of an online task, and what was tried for them",
  detail:
    "Of the last ten minutes, the slowest first; with -o json every attempt. Failed requests have a job: cairn ls.",
  does: "GET /v1/tasks/{task}/slow",
  args: [{ name: "task", meaning: "name of an online task", count: "one" }],
  options: { output: outputOption, ...addressOptions },
  examples: [{ line: "cairn slow forecast", does: "how long they waited and ran, and on which workers" }],
  async run(session, [task = ""], options) {
    const client = session.client(options);
    await showList(session, client.slowest(task), slowColumns(session.clock.nowMs()), options.output ?? "table");
    return EXIT.ok;
  },
});

export const queues = command({
  name: "queues",
  group: "See what happens",
  summary: "list the queues of batch work, with depth and age",
  does: "GET /v1/queues",
  args: [],
  options: { output: outputOption, ...addressOptions },
  examples: [{ line: "cairn queues", does: "how much waits, and for how long" }],
  async run(session, _args, options) {
    const client = session.client(options);
    await showList(session, client.queues(), queueColumns, options.output ?? "table");
    return EXIT.ok;
  },
});
