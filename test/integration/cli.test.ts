/**
 * The command line against a real Cairn. What hangs on the process, as scripts see it (standard streams, environment,
 * exit code), is tested on processes; what a command does and says does not: it is called.
 */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  artifactListSchema,
  attemptListSchema,
  checkpointListSchema,
  jobListSchema,
  jobSchema,
} from "../../src/contract/job.ts";
import { problemSchema } from "../../src/contract/problem.ts";
import { queueListSchema } from "../../src/contract/queue.ts";
import { taskListSchema, taskViewSchema, workerListSchema, workerSchema } from "../../src/contract/worker.ts";
import type { JobOrder } from "../../src/cli/job-orders.ts";
import { CairnClient } from "../../src/client/client.ts";
import { runCairn, startCairn, type Ended } from "../support/cairn-command.ts";
import { eventually } from "../support/eventually.ts";
import { countDigest, Fleet } from "../support/fleet.ts";
import { callCairn, type Called } from "../support/session.ts";

/** Writes a line a step, an artifact at the end. Takes its time until there is a file that tells it to hurry. */
const TASKS = `
import { defineBatch, done, more, z } from "cairn-scheduler";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
export const talk = defineBatch({
  name: "talk",
  input: z.strictObject({ steps: z.int(), hurry: z.string() }),
  checkpoint: { version: 1, intervalMs: 200, minMs: 0 },
  init: (input) => ({ ...input, step: 0 }),
  step: async (state, ctx) => {
    if (!existsSync(state.hurry)) await pause(100);
    state.step += 1;
    console.log("step " + state.step);
    ctx.progress(state.step, state.steps, "steps");
    if (state.step < state.steps) return more;
    ctx.artifact("report.txt", "all " + state.steps + " done\\n");
    return done({ steps: state.step });
  },
  save: (state, folder) => writeFileSync(join(folder, "s.json"), JSON.stringify(state)),
  load: (folder) => JSON.parse(readFileSync(join(folder, "s.json"), "utf8")),
});
`;

let fleet: Fleet;
let env: Record<string, string>;
const asProcess = (...args: string[]): Promise<Ended> => runCairn(args, { env });
const cairn = (...args: string[]): Promise<Called> =>
  callCairn(args, {
    client: () => new CairnClient({ url: fleet.client.url, headers: { "Cairn-Caller": "tester" } }),
  });
const json = async (...args: string[]): Promise<unknown> => {
  const { out, err, code } = await cairn(...args, "-o", "json");
  if (code !== 0) throw new Error(`cairn ${args.join(" ")} ended with ${code}: ${err}`);
  return JSON.parse(out);
};
const submit = async (...args: string[]): Promise<string> => {
  const { out, err } = await cairn("submit", ...args);
  if (!/^[0-9a-z]{26}\n$/.test(out)) throw new Error(`no id: ${out}${err}`);
  return out.trim();
};
const count = (steps: number, stepMs: number): string => JSON.stringify({ steps, stepMs });
/** A job of `talk` that is at it until it may hurry. */
const talking = async (steps: number): Promise<{ readonly id: string; readonly hurry: () => void }> => {
  const file = join(fleet.folder, `hurry-${randomUUID()}`);
  const id = await submit("talk", JSON.stringify({ steps, hurry: file }));
  await fleet.running(id);
  return { id, hurry: () => writeFileSync(file, "") };
};

beforeAll(async () => {
  fleet = await Fleet.start({ workers: 0 });
  const tasks = join(fleet.folder, "tasks.ts");
  writeFileSync(tasks, TASKS);
  await Promise.all(["w1", "w2"].map(async (id) => await fleet.addWorker(id, { CAIRN_TASKS: tasks })));
  env = { CAIRN_DATA: fleet.folder, CAIRN_CALLER: "tester" };
});
afterAll(async () => await fleet.stop());

describe("cairn invoke", () => {
  it("prints the output alone, whichever way the input comes", async () => {
    const file = join(fleet.folder, "input.json");
    writeFileSync(file, '{"from":"file"}');
    expect(await asProcess("invoke", "echo", '{"a":[1,2]}')).toEqual({
      code: 0,
      signal: null,
      out: '{"a":[1,2]}\n',
      err: "",
    });
    expect((await asProcess("invoke", "echo", "-f", file)).out).toBe('{"from":"file"}\n');
    expect((await runCairn(["invoke", "echo", "-"], { env, input: '"stdin"' })).out).toBe('"stdin"\n');
  });

  it("says on standard error what is wrong, and by its exit code what kind of wrong", async () => {
    const refused = await asProcess("invoke", "sleep", '{"ms":"long"}');
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toMatch(/does not fit the task's schema[^]+\/ms: /);
    expect(await asProcess("invoke", "nobody", "{}")).toMatchObject({ code: 3, out: "" });
    expect(await asProcess("invoke", "count", count(1, 0))).toMatchObject({ code: 4, out: "" });
    expect(await asProcess("invoke", "sleep", '{"ms":20000}', "--timeout", "300ms")).toMatchObject({
      code: 5,
      out: "",
    });
    expect(await asProcess("invoke", "sleep", '{"ms":1,"failRate":1}')).toMatchObject({ code: 10, out: "" });
  });

  it("gives the problem as JSON to who asks for JSON", async () => {
    const { err, code } = await cairn("get", "01hzyv7k3m8q4r5t6w7x8y9z0a", "-o", "json");
    expect(code).toBe(3);
    expect(problemSchema.parse(JSON.parse(err)).code).toBe("unknown_job");
  });
});

describe("cairn submit", () => {
  it("goes by the name of who asks, and ls finds the jobs of one caller", async () => {
    const id = (await asProcess("submit", "count", count(1, 0))).out.trim();
    expect((await cairn("ls", "--caller", "tester", "-o", "wide")).out).toContain(`${id} `);
    expect(await cairn("ls", "--caller", "another")).toMatchObject({ code: 0, err: "No job fits.\n" });
  });

  it("prints the id; ls and get tell of it in the contract's shapes", async () => {
    const id = await submit(
      "count",
      count(1, 0),
      "--label",
      "team=ocean",
      "--label",
      "run=7",
      "--priority",
      "5",
      "--timeout",
      "1m",
    );
    const { items } = jobListSchema.parse(await json("ls", "--label", "run=7", "--task", "count"));
    expect(items).toMatchObject([{ id, priority: 5, labels: { team: "ocean", run: "7" }, timeoutMs: 60_000 }]);
    expect(jobSchema.parse(await json("get", id)).id).toBe(id);
    const { out } = await cairn("ls", "--label", "run=7", "-o", "wide");
    expect(out).toMatch(new RegExp(`^ID .+ LABELS .+\\n${id}  count .+team=ocean`));
    expect(jobListSchema.parse(await json("ls", "--label", "run=8")).items).toEqual([]);
  });

  it("with --wait prints the output, and exits by the outcome", async () => {
    expect(await asProcess("submit", "count", count(5, 0), "--wait")).toMatchObject({
      code: 0,
      out: `${JSON.stringify({ steps: 5, digest: countDigest(5) })}\n`,
    });
    const failed = await asProcess("submit", "count", '{"steps":5,"failRate":1}', "--max-retries", "0", "--wait");
    expect(failed).toMatchObject({ code: 10, out: "" });
    expect(failed.err).toContain("step 1 failed as failRate 1 asks for");
    expect(await cairn("submit", "count", count(600, 100), "--deadline", "700ms", "--wait")).toMatchObject({
      code: 12,
    });
    const late = await cairn("submit", "count", count(600, 100), "--wait-timeout", "200ms");
    expect(late).toMatchObject({ code: 5, out: "" });
    const id = /cairn watch (\w+)/.exec(late.err)?.[1] ?? "";
    expect((await cairn("cancel", id)).code).toBe(0);
  });

  it("with a key happens once, and says so; the key with another input is refused", async () => {
    const args = ["count", count(2, 0), "--idempotency-key", "cli test"];
    const id = await submit(...args);
    const again = await cairn("submit", ...args);
    expect(again).toMatchObject({ code: 0, out: `${id}\n` });
    expect(again.err).toContain("was submitted before");
    expect(await cairn("submit", "count", count(3, 0), "--idempotency-key", "cli test")).toMatchObject({
      code: 4,
      out: "",
    });
  });

  it("for later is scheduled until then", async () => {
    const id = await submit("count", count(1, 0), "--run-at", "+1h");
    expect(jobSchema.parse(await json("get", id))).toMatchObject({ state: "scheduled", reason: "not_before" });
    expect((await cairn("explain", id)).out).toMatch(/It is due in (59m|1h)/);
    expect(await cairn("cancel", id)).toMatchObject({ code: 0 });
    expect(await cairn("watch", id)).toMatchObject({ code: 11 });
  });
});

describe("orders to a job", () => {
  it("stop, resume, checkpoint and migrate do what they say, and explain tells how it came", async () => {
    const steps = 200;
    const { id, hurry } = await talking(steps);
    expect(await cairn("checkpoint", id, "--wait", "25s")).toMatchObject({ code: 0 });
    expect(await cairn("stop", id, "--wait", "25s")).toMatchObject({ code: 0 });
    const stopped = jobSchema.parse(await json("get", id));
    expect(stopped).toMatchObject({ state: "stopped", reason: "stopped_by_request", worker: null });
    expect((await cairn("explain", id)).out).toContain(`cairn resume ${id}`);
    expect(await cairn("checkpoint", id)).toMatchObject({ code: 4 });
    expect(jobSchema.parse(await json("resume", id)).id).toBe(id);
    const second = await fleet.job(id, "runs again", ({ state }) => state === "running");
    expect(await cairn("migrate", id, "--wait", "25s")).toMatchObject({ code: 0 });
    const third = await fleet.job(
      id,
      "runs elsewhere",
      ({ state, worker }) => state === "running" && worker !== second.worker,
    );
    expect(third.attempts).toBeGreaterThan(2);
    const watching = startCairn(["watch", id, "-o", "json"], { env });
    await eventually("the watch has seen it run", () => watching.err().includes("running"));
    hurry();
    const watched = await watching.ended;
    expect(watched.code).toBe(0);
    expect(jobSchema.parse(JSON.parse(watched.out))).toMatchObject({ state: "succeeded", output: { steps } });
    expect(watched.err).toMatch(new RegExp(`^${id} running on w[12]\\n(${id} .+\\n)*${id} succeeded on w[12]\\n$`));

    const attempts = attemptListSchema.parse(await json("get", id, "attempts")).items;
    expect(attempts.map(({ outcome }) => outcome).sort()).toEqual(["interrupted", "interrupted", "succeeded"]);
    expect(checkpointListSchema.parse(await json("get", id, "checkpoints")).items.length).toBeGreaterThan(1);
    expect(artifactListSchema.parse(await json("get", id, "artifacts")).items).toMatchObject([{ name: "report.txt" }]);
    expect((await cairn("get", id, "--artifact", "report.txt")).out).toBe(`all ${steps} done\n`);
    expect((await cairn("get", id, "output")).out).toBe(`{"steps":${steps}}\n`);
    const told = (await cairn("explain", id)).out;
    expect(told).toMatch(/There were 3 attempts:\n- attempt 1 on w/);
    expect(told).toMatch(/What was asked of it:\n- checkpoint, .* ago, by tester \(.*\): checkpoint \d+ made after/);

    const { items } = (await json("get", id, "orders")) as { items: JobOrder[] };
    expect(items.map(({ order, by }) => [order, by?.startsWith("tester (")])).toEqual([
      ...[
        ["submit", true],
        ["checkpoint", true],
      ],
      ...[
        ["stop", true],
        ["resume", true],
        ["migrate", true],
      ],
    ]);
    expect(items[2]?.effect).toMatch(/^stopped at checkpoint \d+ after /);
    expect(items[4]?.effect).toMatch(/^running on w[12] from checkpoint \d+ after /);
    expect((await cairn("get", id, "orders")).out).toMatch(/^AT +BY +ORDER +WHAT BECAME OF IT\n/);
    expect((await cairn("get", id, "events")).out).toMatch(/ leased +running +- +attempt=1 worker=w[12]\n/);
  });

  it("cancel ends it, retry starts it again; several at once tell of each", async () => {
    const ids = [await submit("count", count(600, 100)), await submit("count", count(600, 100))];
    const cancelled = await cairn("cancel", ...ids, "01hzyv7k3m8q4r5t6w7x8y9z0a", "--wait", "25s");
    expect(cancelled.code).toBe(3);
    expect(cancelled.out.match(/cancelled_by_request/g)).toHaveLength(2);
    expect(cancelled.err).toContain("01hzyv7k3m8q4r5t6w7x8y9z0a: There is no such job");
    expect(await cairn("watch", ...ids)).toMatchObject({ code: 11 });
    expect(await cairn("retry", ids[0] ?? "", "--from", "start")).toMatchObject({ code: 0 });
    await fleet.job(ids[0] ?? "", "runs", ({ state }) => state === "running"); // Until then a repetition is none.
    expect(await cairn("retry", ids[0] ?? "")).toMatchObject({ code: 4 });
    expect(await cairn("watch", ids[0] ?? "", "--timeout", "300ms")).toMatchObject({ code: 5, out: "" });
    expect(await cairn("cancel", ids[0] ?? "")).toMatchObject({ code: 0 });
  });
});

describe("cairn logs", () => {
  it("follows a job from worker to worker until its end, every line once", async () => {
    const steps = 120;
    const { id, hurry } = await talking(steps);
    const following = startCairn(["logs", id, "-f"], { env });
    await eventually("the log begins", () => following.out().includes("step 1\n"));
    await fleet.client.migrate(id);
    await fleet.job(id, "runs elsewhere", ({ state, attempts }) => state === "running" && attempts > 1);
    hurry();
    const { code, out } = await following.ended;
    expect(code).toBe(0);
    const seen = [...out.matchAll(/^step (\d+)$/gm)].map(([, step]) => Number(step));
    // The steps of an attempt after its last checkpoint are done again by the next: never a gap.
    for (const [at, step] of seen.entries()) expect(step).toBeLessThanOrEqual((seen[at - 1] ?? 0) + 1);
    expect(seen.at(-1)).toBe(steps);
    const first = await cairn("logs", id, "--attempt", "1");
    expect(first.out).toContain("step 1\n");
    expect(first.out).not.toContain(`step ${steps}\n`);
  });
});

describe("what is there", () => {
  it("tasks, queues and workers come as tables, and as JSON in the contract's shapes", async () => {
    expect((await cairn("tasks")).out).toMatch(/^TASK +CLASS +WORKERS +DESCRIPTION\n[^]*^talk +batch +2 /m);
    expect(taskListSchema.parse(await json("tasks")).items.map(({ name }) => name)).toContain("talk");
    expect(taskViewSchema.parse(JSON.parse((await cairn("tasks", "count")).out)).checkpointVersion).toBe(1);
    expect(queueListSchema.parse(await json("queues")).items.map(({ task }) => task)).toContain("talk");
    expect(workerListSchema.parse(await json("workers")).items.map(({ id }) => id)).toEqual(["w1", "w2"]);
    expect(workerSchema.parse(await json("workers", "w1")).state).toBe("ready");
    expect(await cairn("workers", "w9")).toMatchObject({ code: 3, out: "" });
  });

  it("nothing in a pipe is coloured or drawn over", async () => {
    const { out, err } = await runCairn(["submit", "count", count(3, 50), "--wait", "-o", "json"], { env });
    expect(out + err).not.toContain("\u001b");
  });

  it("a reader that has seen enough ends the command without an error", async () => {
    const watching = startCairn(["ls", "--watch"], { env });
    await eventually("the list", () => watching.out().includes("ID"));
    watching.child.stdout?.destroy();
    expect(await watching.ended).toMatchObject({ code: 0, err: "" });
  });
});

describe("orders to workers", () => {
  it("cordon, uncordon, drain and undrain are followed until they have come about", async () => {
    const reason = ["--reason", "new kernel"];
    expect(workerSchema.parse(await json("cordon", "w1", "--wait", "25s", ...reason))).toMatchObject({
      state: "cordoned",
      reason: "new kernel",
    });
    expect(workerSchema.parse(await json("uncordon", "w1", "--wait", "25s")).state).toBe("ready");
    expect(workerSchema.parse(await json("drain", "w1", "--wait", "25s")).state).toBe("drained");
    expect(workerSchema.parse(await json("undrain", "w1", "--wait", "25s")).state).toBe("ready");
    expect(await cairn("drain", "w9")).toMatchObject({ code: 3 });
  });
});

describe("cairn doctor", () => {
  it("finds this system in order", async () => {
    const { code, out } = await runCairn(["doctor", "--redis-url", fleet.redis.url], { env });
    expect(out).not.toMatch(/^fail/m);
    expect(out).toMatch(/^ok {4}Redis version +(Redis|Valkey) \d/m);
    expect(out).toMatch(/^ok {4}API +http.+ is ready$/m);
    expect(out).toMatch(/^ok {4}checkpoint store /m);
    expect(out).toMatch(/^(ok|warn) {2,4}clock of Redis /m);
    expect(out).toMatch(/^ok {4}workers +2 ready$/m);
    expect(code).toBe(0);
  });

  it("fails with 1 when Redis is away, and says what to do", async () => {
    const { code, out } = await runCairn(["doctor", "--redis-url", "redis://:secret@127.0.0.1:9"], { env });
    expect(code).toBe(1);
    expect(out).toMatch(/^fail {2}Redis .+\n.+→ Start it/m);
    expect(out).not.toContain("secret");
  });

  it("says at once that Redis does not take the password, and not that it does not answer", async () => {
    const url = fleet.redis.url.replace("redis://", "redis://nobody:wrong@");
    const { code, out } = await runCairn(["doctor", "--redis-url", url], { env });
    expect(code).toBe(1);
    expect(out).toMatch(/^fail {2}Redis .+ does not take the user or the password \(WRONGPASS\)/m);
    expect(out).not.toMatch(/wrong@|did not answer within/);
  });

  it("fails on a store that cannot be written, and on a setting that cannot be read", async () => {
    const args = ["doctor", "--redis-url", fleet.redis.url];
    expect(await runCairn([...args, "--store", "file:/proc/cairn"], { env })).toMatchObject({ code: 1 });
    const broken = await runCairn(args, { env: { ...env, CAIRN_PORT: "many" } });
    expect(broken.out).toMatch(/^fail {2}configuration +CAIRN_PORT is "many"/m);
  });
});
