/**
 * 100,000 queued jobs: how long a page of a list takes, by every kind of filter, and whether any command held Redis.
 * Besides them an array of 10,000 is submitted, shown, and cancelled, and 10,000 jobs that wait for one are woken.
 *
 *   npm run bench -- job-list [jobs]
 */
import { performance } from "node:perf_hooks";
import { NOTHING_NEW } from "../../src/batch/batch.ts";
import { loadBatchScripts } from "../../src/batch/scripts.ts";
import { openBatch } from "../support/batch-bench.ts";
import { startRedis } from "../support/redis.ts";

const JOBS = Number(process.argv[2] ?? 100_000);
const IN_FLIGHT = 64;

const server = await startRedis({ args: ["--slowlog-log-slower-than", "1000", "--slowlog-max-len", "1000"] });
const batch = await openBatch(server.url);
try {
  const begin = performance.now();
  let next = 0;
  const submitSome = async (): Promise<void> => {
    while (next < JOBS) {
      const n = next++;
      const labels = { run: String(n % 10), user: `u${n % 100}` };
      await batch.submit({ labels, priority: (n % 3) - 1 }, null, `u${n % 100}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, submitSome));
  const seconds = (performance.now() - begin) / 1_000;
  console.log(`${JOBS} jobs in ${seconds.toFixed(1)} s, ${Math.round(JOBS / seconds)} a second`);

  const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const start = performance.now();
    await work();
    console.log(`${what}: ${Math.round(performance.now() - start)} ms`);
  };
  let array = "";
  await timed("an array of 10,000 submitted", async () => {
    const outcome = await batch.submitArray({ count: 10_000 }, { input: { steps: "{index}" }, priority: -9 });
    if (outcome.kind === "created") array = outcome.array.id;
  });
  await timed("the array shown", () => batch.arrays.get(array));
  const parent = await batch.created({ priority: 10 });
  await timed("10,000 jobs that wait for one submitted", () =>
    batch.submitArray({ count: 10_000 }, { dependsOn: [parent], priority: -9 }),
  );
  const { job, fence, record } = await batch.lease("w1");
  if (job !== parent) throw new Error("another job was drawn");
  await batch.deskOf("w1").end(job, fence, record, { kind: "succeeded", output: "1", artifacts: [] }, NOTHING_NEW);
  await timed("all of them woken", async () => {
    while ((await batch.redis.zcard(batch.keys.telling)) > 0) await batch.graph.tellSome();
  });

  const filters = {
    "no filter": { states: [], labels: [] },
    state: { states: ["queued"], labels: [] },
    "two states": { states: ["queued", "running"], labels: [] },
    "state and task": { states: ["queued"], task: "count", labels: [] },
    "a label": { states: [], labels: [["user", "u42"]] },
    "state, task and label": { states: ["queued"], task: "count", labels: [["user", "u42"]] },
    "two labels": {
      states: [],
      labels: [
        ["user", "u42"],
        ["run", "2"],
      ],
    },
    "two labels that exclude each other": {
      states: [],
      labels: [
        ["user", "u42"],
        ["run", "3"],
      ],
    },
    "an array": { states: [], array, labels: [] },
    "an array and a state": { states: ["queued"], array, labels: [] },
    "an array and a label it has not": { states: [], array, labels: [["user", "u42"]] },
    "a caller": { states: [], caller: "u42", labels: [] },
    "a caller and a state": { states: ["queued"], caller: "u42", labels: [] },
    "a caller, state, task and label": {
      states: ["queued"],
      task: "count",
      caller: "u42",
      labels: [["run", "2"]],
    },
    "a state nobody is in": { states: ["failed"], labels: [] },
  } satisfies Record<string, Parameters<typeof batch.reader.list>[0]>;
  for (const [name, filter] of Object.entries(filters)) {
    const times: number[] = [];
    let cursor: string | null = null;
    let items = 0;
    for (let page = 0; page < 20; page += 1) {
      const start = performance.now();
      const answer = await batch.reader.list(filter, { cursor, limit: 50 });
      times.push(performance.now() - start);
      if (answer.kind !== "page") throw new Error(answer.kind);
      items += answer.items.length;
      cursor = answer.nextCursor;
      if (cursor === null) break;
    }
    times.sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)] ?? 0;
    console.log(
      `${name}: ${times.length} pages, ${items} jobs, median ${median.toFixed(1)} ms, worst ${(times.at(-1) ?? 0).toFixed(1)} ms`,
    );
  }
  await timed("the array cancelled", () => batch.arrays.control(batch.writer, array, "cancel", "bench"));
  const memory = /used_memory_human:(\S+)/.exec(await batch.redis.info("memory"))?.[1];
  const slow = (await batch.redis.slowlog("GET", 1_000)) as [number, number, number, string[]][];
  console.log(`memory ${memory}; ${slow.length} commands over 1 ms`);
  const names = new Map(Object.values(loadBatchScripts()).map(({ sha, name }) => [sha, name]));
  const tally = new Map<string, number[]>();
  for (const [, , us, [command = "", sha = ""]] of slow) {
    const what = names.get(sha) ?? command.slice(0, 20);
    tally.set(what, [...(tally.get(what) ?? []), us]);
  }
  for (const [what, times] of [...tally].sort((a, b) => b[1].length - a[1].length)) {
    console.log(`  ${what}: ${times.length}, the longest ${(Math.max(...times) / 1_000).toFixed(1)} ms`);
  }
} finally {
  await batch.close();
  await server.stop();
}
