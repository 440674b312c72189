/** `cairn workers`, and the orders to workers. */
import { setTimeout as delay } from "node:timers/promises";
import type { CairnClient } from "../../client/client.ts";
import type { WorkerOrder } from "../../client/options.ts";
import { CairnTimeout } from "../../client/fault.ts";
import type { Worker } from "../../contract/worker.ts";
import { addressOptions } from "../api-address.ts";
import { command, value, type Command, type Example } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { outputOption, writeJson, writeTable } from "../output.ts";
import { repeat, watchOption } from "../repeat.ts";
import type { Session } from "../session.ts";
import { readDuration, readText } from "../values.ts";
import { workerColumns } from "../worker-table.ts";
import { showList } from "./jobs.ts";

export const workers = command({
  name: "workers",
  group: "Look after workers",
  summary: "list the workers, or show one",
  does: "GET /v1/workers, GET /v1/workers/{id}",
  args: [{ name: "worker", meaning: "id of a worker", count: "optional" }],
  options: { watch: watchOption, output: outputOption, ...addressOptions },
  examples: [
    { line: "cairn workers", does: "who is there, in which state, with how many slots used" },
    { line: "cairn workers --watch", does: "the same, again every two seconds" },
  ],
  async run(session, [id], options) {
    const client = session.client(options);
    const { output = "table" } = options;
    const show = async (to: Session): Promise<void> => {
      if (id === undefined) {
        await showList(to, client.workers(), workerColumns(to), output);
        return;
      }
      const worker = await client.worker(id);
      if (output === "json") await writeJson(to, worker);
      else await writeTable(to, workerColumns(to), [worker], output);
    };
    if (options.watch) return await repeat(session, show);
    await show(session);
    return EXIT.ok;
  },
});

interface OrderSpec {
  readonly summary: string;
  readonly example: Example;
  /** The states in which the order has had its effect. */
  readonly reached: readonly Worker["state"][];
}

const ORDERS: Readonly<Record<WorkerOrder, OrderSpec>> = {
  drain: {
    summary: "let workers finish or hand over what they have, for repair or an upgrade",
    example: { line: "cairn drain $WORKER --wait 2m", does: "returns when it holds nothing any more" },
    reached: ["drained", "stopped"],
  },
  undrain: {
    summary: "let drained workers take work again",
    example: { line: "cairn undrain $WORKER", does: "back to ready" },
    reached: ["ready"],
  },
  cordon: {
    summary: "give workers nothing new; they keep what they have",
    example: { line: "cairn cordon $WORKER", does: "for a look at a machine that behaves oddly" },
    reached: ["cordoned"],
  },
  uncordon: {
    summary: "let cordoned workers take work again",
    example: { line: "cairn uncordon $WORKER", does: "back to ready" },
    reached: ["ready"],
  },
  quarantine: {
    summary: "set faulty workers aside",
    example: { line: "cairn quarantine $WORKER", does: "its work is taken elsewhere; `cairn uncordon` brings it back" },
    reached: ["quarantined", "stopped"],
  },
};

const LOOK_MS = 500;

function orderCommand(order: WorkerOrder): Command {
  const { summary, example, reached } = ORDERS[order];
  return command({
    name: order,
    group: "Look after workers",
    summary,
    does: `POST /v1/workers/{id}/${order}`,
    args: [{ name: "worker", meaning: "ids of the workers", count: "many" }],
    options: {
      wait: value("time", "wait up to this long for the effect; default: answer when it is ordered", readDuration),
      reason: value("text", "why; shown with the worker", readText),
      output: outputOption,
      ...addressOptions,
    },
    examples: [example],
    async run(session, ids, options) {
      const client = session.client(options);
      const { wait, reason, output = "table" } = options;
      // All are ordered before one is waited for: they do it side by side.
      const ordered: Worker[] = [];
      for (const id of ids) ordered.push(await client.order(id, order, { reason }));
      const end = performance.now() + (wait ?? 0);
      const result =
        wait === undefined
          ? ordered
          : await Promise.all(ids.map(async (id) => await reach(session, client, { id, reached, end, wait })));
      if (output === "json")
        await writeJson(session, ids.length === 1 ? result[0] : { items: result, nextCursor: null });
      else await writeTable(session, workerColumns(session), result, output);
      return EXIT.ok;
    },
  });
}

interface Goal {
  readonly id: string;
  readonly reached: readonly Worker["state"][];
  /** On the monotonic clock. */
  readonly end: number;
  readonly wait: number;
}

async function reach(session: Session, client: CairnClient, { id, reached, end, wait }: Goal): Promise<Worker> {
  for (let told = false; ; told = true) {
    const worker = await client.worker(id);
    if (reached.includes(worker.state)) return worker;
    if (worker.state === "lost") throw new Error(`${id} is lost: its beats stopped`);
    if (performance.now() > end)
      throw new CairnTimeout(wait, `${id} is ${worker.state}; it did not become ${reached[0] ?? ""}`);
    if (!told) session.say(`${id} is ${worker.state} …`);
    await delay(LOOK_MS);
  }
}

export const orders: readonly Command[] = (Object.keys(ORDERS) as WorkerOrder[]).map(orderCommand);
