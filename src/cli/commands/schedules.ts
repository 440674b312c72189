/** `cairn schedule`, `cairn schedules` and `cairn unschedule`. */
import { OVERLAPS, type Schedule } from "../../contract/schedule.ts";
import { addressOptions } from "../api-address.ts";
import { command, list, value } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { outputOption, writeJson } from "../output.ts";
import { fileOption, inputArgument, readInput } from "../read-input.ts";
import type { Column } from "../table.ts";
import { UsageError } from "../usage-error.ts";
import { readOneOf, readPair, readText, readWhole } from "../values.ts";
import { showList } from "./jobs.ts";

const nameArgument = { name: "name", meaning: "name of the schedule", count: "one" } as const;

const COLUMNS: readonly Column<Schedule>[] = [
  { title: "NAME", cell: ({ name }) => name },
  { title: "CRON", cell: ({ cron }) => cron },
  { title: "ZONE", cell: ({ timeZone }) => timeZone },
  { title: "TASK", cell: ({ job }) => job.task },
  { title: "NEXT", cell: ({ next }) => next[0] ?? null },
  { title: "LAST", cell: ({ last }) => (last === null ? null : `${last.outcome} ${last.at}`) },
  { title: "JOB", cell: ({ last }) => last?.job ?? null },
];

export const schedule = command({
  name: "schedule",
  group: "Submit work",
  summary: "submit a job again and again, by cron",
  detail: "Made once, changed by the same command. Its jobs have the label schedule=<name>.",
  does: "PUT /v1/schedules/{schedule}",
  args: [nameArgument, { name: "task", meaning: "name of the task, see `cairn tasks`", count: "one" }, inputArgument],
  options: {
    cron: value("expression", "when: minute hour day month weekday, or @daily", readText),
    timeZone: value("zone", "time zone of the expression: Europe/Berlin; default UTC", readText),
    overlap: value(
      "policy",
      "skip: pass a time over while the last job goes on (default); queue: make a job each time",
      readOneOf(Object.keys(OVERLAPS) as (keyof typeof OVERLAPS)[]),
    ),
    file: fileOption,
    label: list("key=value", "a label of the jobs; may repeat", readPair),
    priority: value("n", "-10 to 10, higher first; default 0", readWhole({ from: -10, to: 10 })),
    pool: value("name", "pool of workers; default `default`", readText),
    output: outputOption,
    ...addressOptions,
  },
  examples: [
    {
      line: `cairn schedule nightly count '{"steps":100}' --cron '30 2 * * *' --time-zone Europe/Berlin`,
      does: "every night at half past two",
    },
  ],
  async run(session, [name = "", task = "", argument], options) {
    const { cron, timeZone, overlap, priority, pool } = options;
    if (cron === undefined) throw new UsageError("--cron is missing: when is it to run?");
    const made = await session.client(options).schedules.put(name, {
      cron,
      ...(timeZone === undefined ? {} : { timeZone }),
      ...(overlap === undefined ? {} : { overlap }),
      job: {
        task,
        input: await readInput(session, argument, options.file),
        labels: Object.fromEntries(options.label),
        ...(priority === undefined ? {} : { priority }),
        ...(pool === undefined ? {} : { pool }),
      },
    });
    session.say(`Next: ${made.next.join(", ")}`);
    if (options.output === "json") await writeJson(session, made);
    else await session.out(`${made.name}\n`);
    return EXIT.ok;
  },
});

export const schedules = command({
  name: "schedules",
  group: "See what happens",
  summary: "list schedules, or show one",
  does: "GET /v1/schedules, GET /v1/schedules/{schedule}",
  args: [{ name: "name", meaning: "name of a schedule: shown as JSON", count: "optional" }],
  options: { output: outputOption, ...addressOptions },
  examples: [{ line: "cairn schedules", does: "all of them, with their next times and what became of the last" }],
  async run(session, [name], options) {
    const client = session.client(options);
    if (name === undefined) await showList(session, client.schedules.list(), COLUMNS, options.output ?? "table");
    else await writeJson(session, await client.schedules.get(name));
    return EXIT.ok;
  },
});

export const unschedule = command({
  name: "unschedule",
  group: "Steer jobs",
  summary: "delete schedules; their jobs stay",
  does: "DELETE /v1/schedules/{schedule}",
  args: [{ name: "name", meaning: "names of the schedules", count: "many" }],
  options: { ...addressOptions },
  examples: [{ line: "cairn unschedule nightly", does: "it submits nothing more" }],
  async run(session, names, options) {
    const client = session.client(options);
    for (const name of names) await client.schedules.remove(name);
    return EXIT.ok;
  },
});
