/** `cairn ls` and `cairn get`. */
import { jobStateSchema } from "../../contract/job.ts";
import type { CairnClient } from "../../client/client.ts";
import { addressOptions } from "../api-address.ts";
import { command, list, value } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { ordersOf } from "../job-orders.ts";
import { artifactColumns, attemptColumns, checkpointColumns, jobColumns, jobFields } from "../job-table.ts";
import { eventColumns, orderColumns } from "../order-table.ts";
import { outputOption, writeJson, writeTable, type Form } from "../output.ts";
import { repeat, watchOption } from "../repeat.ts";
import type { Session } from "../session.ts";
import { renderFields, type Column } from "../table.ts";
import { UsageError } from "../usage-error.ts";
import { readOneOf, readPair, readText, readWhole } from "../values.ts";

export const ls = command({
  name: "ls",
  group: "See what happens",
  summary: "list jobs, newest first",
  does: "GET /v1/jobs",
  args: [],
  options: {
    state: list("state", "only jobs in this state; may repeat", readOneOf(jobStateSchema.options)),
    task: value("name", "only jobs of this task", readText),
    class: value("class", "online or batch", readOneOf(["online", "batch"])),
    label: list("key=value", "only jobs with this label; may repeat", readPair),
    worker: value("id", "only jobs that run on this worker", readText),
    caller: value("name", "only jobs of this caller, as `get` shows it", readText),
    array: value("id", "only elements of this array", readText),
    limit: value("n", "jobs on a page; default 50", readWhole({ from: 1, to: 500 })),
    cursor: value("cursor", "the next page, as the page before told", readText),
    watch: watchOption,
    output: outputOption,
    ...addressOptions,
  },
  examples: [
    { line: "cairn ls", does: "the newest fifty jobs" },
    {
      line: "cairn ls --state running --state queued --label team=ocean -o wide",
      does: "some of them, with more columns",
    },
  ],
  async run(session, _args, options) {
    const client = session.client(options);
    const { state, task, class: kind, worker, caller, array, cursor, limit, output = "table" } = options;
    const filter = { state, task, class: kind, labels: Object.fromEntries(options.label), worker, caller, array };
    const show = async (to: Session): Promise<void> => {
      const page = await client.jobPage(filter, { cursor, limit });
      if (output === "json") {
        await writeJson(to, page);
        return;
      }
      await writeTable(to, jobColumns(to), page.items, output);
      if (page.nextCursor !== null) to.say(`There are more: --cursor ${page.nextCursor}`);
      else if (page.items.length === 0) to.say("No job fits.");
    };
    if (options.watch) return await repeat(session, show);
    await show(session);
    return EXIT.ok;
  },
});

const PARTS = ["job", "input", "output", "error", "attempts", "checkpoints", "artifacts", "orders", "events"] as const;

export const get = command({
  name: "get",
  group: "See what happens",
  summary: "show a job, or a part of it",
  detail:
    `Parts: ${PARTS.join(", ")}. Input, output and error are always JSON. Orders are what people asked of the job: ` +
    "when, who, and what became of it; events are all that happened to it, the newest 10,000; of attempts the newest 1,000 are kept.",
  does: "GET /v1/jobs/{id}, /attempts, /checkpoints, /artifacts, /artifacts/{name}, /events",
  args: [
    { name: "job", meaning: "id of the job", count: "one" },
    { name: "part", meaning: "what of it; default the job itself", count: "optional" },
  ],
  options: {
    artifact: value("name", "write this artifact to standard output", readText),
    output: outputOption,
    ...addressOptions,
  },
  examples: [
    { line: "cairn get $JOB", does: "everything that is known of the job" },
    { line: "cairn get $JOB attempts", does: "which worker took it from which checkpoint" },
    { line: "cairn get $JOB orders", does: "who asked for what, when, and what became of it" },
    { line: "cairn get $JOB output", does: "the output alone, as JSON" },
  ],
  async run(session, [id = "", part = "job"], options) {
    const client = session.client(options);
    const { output: form = "table", artifact } = options;
    if (artifact !== undefined) {
      await session.out(await client.artifact(id, artifact));
      return EXIT.ok;
    }
    await showPart(session, client, { id, part: readPart(part), form });
    return EXIT.ok;
  },
});

function readPart(text: string): (typeof PARTS)[number] {
  const part = PARTS.find((name) => name === text);
  if (part === undefined) throw new UsageError(`"${text}" is no part of a job: ${PARTS.join(", ")}`);
  return part;
}

interface Wanted {
  readonly id: string;
  readonly part: (typeof PARTS)[number];
  readonly form: Form;
}

async function showPart(session: Session, client: CairnClient, { id, part, form }: Wanted): Promise<void> {
  const now = session.clock.nowMs();
  switch (part) {
    case "job": {
      const job = await client.job(id);
      if (form === "json") {
        await writeJson(session, job);
        return;
      }
      await session.out(renderFields(jobFields(job, now), { heading: (text) => session.colors.dim(text) }));
      return;
    }
    case "input":
    case "output":
    case "error": {
      await writeJson(session, (await client.job(id))[part]);
      return;
    }
    case "attempts": {
      await showList(session, client.attempts(id), attemptColumns(now), form);
      return;
    }
    case "checkpoints": {
      await showList(session, client.checkpoints(id), checkpointColumns(now), form);
      return;
    }
    case "artifacts": {
      await showList(session, client.artifacts(id), artifactColumns(now), form);
      return;
    }
    case "orders": {
      const orders = ordersOf(await collect(client.history(id)));
      if (form === "json") await writeJson(session, { items: orders, nextCursor: null });
      else await writeTable(session, orderColumns, orders, form);
      return;
    }
    case "events": {
      await showList(session, client.history(id), eventColumns, form);
      return;
    }
  }
}

export async function collect<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** All items as one list: JSON in the shape of a last page. */
export async function showList<Item>(
  session: Session,
  source: AsyncIterable<Item>,
  columns: readonly Column<Item>[],
  form: Form,
): Promise<void> {
  const items = await collect(source);
  if (form === "json") await writeJson(session, { items, nextCursor: null });
  else await writeTable(session, columns, items, form);
}
