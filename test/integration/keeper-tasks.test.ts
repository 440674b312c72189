import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { storeNames } from "../../src/checkpoints/checkpoints.ts";
import { contentOf } from "../support/store-conformance.ts";
import { TestJob, type Wishes } from "../support/keeper-agent.ts";

const TASKS = fileURLToPath(new URL("../support/batch-tasks.mjs", import.meta.url));
const wishes = (task: string, input: unknown, more: Wishes = {}): Wishes => ({
  task,
  input: JSON.stringify(input),
  taskModules: [TASKS],
  ...more,
});

let job: TestJob;
afterEach(() => job.close());

describe("a task that fails", () => {
  test.each([
    ["throw", { fault: "error", message: "it broke", retryAfterMs: null }],
    ["init", { fault: "error", message: "no initial state" }],
    ["reject", { fault: "error", message: "nobody waited" }],
    ["refuse", { fault: "refused", message: "not this one" }],
    ["hopeless", { fault: "not_retryable", message: "never" }],
    ["later", { fault: "error", message: "busy now", retryAfterMs: 4_000 }],
    ["exit", { fault: "error", message: "the process exited with code 3 before the task was done" }],
    ["undefined", { fault: "not_retryable", message: "step returned undefined; it must return more or done(output)" }],
    ["misfit", { fault: "not_retryable", message: expect.stringContaining("does not fit its schema") as string }],
    ["save", { fault: "error", message: expect.stringContaining("3 times in a row: nowhere to write") as string }],
  ])("by %s ends its attempt with that fault", async (how, fault) => {
    job = await TestJob.create(wishes("wild", { how }));
    expect(await job.attempt().over()).toMatchObject({ kind: "failed", ...fault });
    expect(await job.names("OUTCOME")).toEqual([]); // That it is final nobody has said.
    const drops = job.attempts[0]!.requests.filter(({ kind }) => kind === "dropped");
    expect(drops).toHaveLength(how === "save" ? 3 : 0);
  });

  test("leaves the trace in its log", async () => {
    job = await TestJob.create(wishes("wild", { how: "throw" }));
    await job.attempt().over();
    expect(await job.log(1)).toMatch(/Error: it broke\n\s+at .*batch-tasks\.mjs/);
  });

  test("by a crash of its process has not failed itself", async () => {
    job = await TestJob.create(wishes("wild", { how: "abort" }));
    expect(await job.attempt().over()).toMatchObject({
      kind: "runner_lost",
      detail: expect.stringContaining("SIGABRT") as string,
    });
  });

  test("with an input that its schema does not take is refused", async () => {
    job = await TestJob.create(wishes("wild", { what: 1 }));
    expect(await job.attempt().over()).toMatchObject({ kind: "failed", fault: "refused" });
  });

  test("because it is not on this worker, or not at this version, has not failed itself", async () => {
    job = await TestJob.create(wishes("nowhere", {}));
    expect(await job.attempt().over()).toMatchObject({ kind: "runner_lost" });
    expect(await job.attempt({ task: "wild", checkpointVersion: 7 }).over()).toMatchObject({ kind: "runner_lost" });
  });

  test("finally has its failure written down before it is told", async () => {
    job = await TestJob.create(wishes("wild", { how: "throw" }));
    const attempt = job.attempt();
    attempt.answering = (request) =>
      request.kind === "verify" ? { kind: "ok", final: request.fault === "error" } : null;
    await attempt.over();
    expect(await job.names("OUTCOME")).toHaveLength(1);
    const next = job.attempt();
    expect(await next.over()).toEqual(attempt.end);
    expect(next.runnerPid).toBeNull();
  });

  test("by an output that is too large is told what to do instead", async () => {
    job = await TestJob.create(wishes("talkative", { steps: 1 }, { outputBytes: 10 }));
    expect(await job.attempt().over()).toMatchObject({
      fault: "not_retryable",
      message: expect.stringContaining("more than 10; hand it out with ctx.artifact") as string,
    });
  });
});

describe("what a task gets", () => {
  test("random numbers go on where the checkpoint was", async () => {
    const steps = 150;
    job = await TestJob.create(wishes("draws", { steps }, { intervalMs: 100 }));
    const first = job.attempt();
    await first.until("checkpoints", () => job.commits.length >= 2);
    process.kill(first.runnerPid!, "SIGKILL");
    await first.over();
    const second = job.attempt();
    const interrupted = await second.over();
    expect(second.progress.at(-1)).toBe(steps);
    expect(interrupted).toMatchObject({ kind: "succeeded" });

    // The same job, undisturbed: in a store of its own, under the same id.
    const again = await TestJob.create(wishes("draws", { steps }), job.id);
    try {
      expect(await again.attempt().over()).toMatchObject({ output: (interrupted as { output: string }).output });
    } finally {
      await again.close();
    }
  });

  test("SL4: comes to its end also when a checkpoint was ordered during its last step", async () => {
    job = await TestJob.create(wishes("kept", { steps: 3, lastStepMs: 1_000 }, { intervalMs: 100 }));
    expect(await job.attempt().over()).toMatchObject({ kind: "succeeded", output: "3" });
    expect(job.commits.at(-1)).toMatchObject({ progress: { completed: 3 } });
  });

  test("the state at the end as a checkpoint, if it keeps that; the job begun again there ends at once", async () => {
    job = await TestJob.create(wishes("kept", { steps: 3 }));
    expect(await job.attempt().over()).toMatchObject({ kind: "succeeded", output: "3" });
    expect(job.commits.map(({ progress }) => progress?.completed)).toEqual([3]);
    expect(await job.attempt().over()).toMatchObject({ kind: "succeeded", output: "3" });
  });

  test("artifacts appear with a checkpoint and with the success, the latest version of each", async () => {
    job = await TestJob.create(wishes("talkative", { steps: 150 }, { intervalMs: 150 }));
    const end = await job.attempt().over();
    const committed = job.commits.flatMap(({ artifacts }) => artifacts);
    expect(committed.length).toBeGreaterThan(0);
    expect(committed.every(({ name }) => name === "steps.txt")).toBe(true);
    const { artifacts } = end as Extract<typeof end, { kind: "succeeded" }>;
    expect(artifacts.map(({ name }) => name).sort()).toEqual(["last.bin", "steps.txt"]);
    for (const { name, sha256, bytes } of [...artifacts, ...committed]) {
      const content = await contentOf(job.store, storeNames.artifactName(job.id, name, sha256));
      expect(content).toHaveLength(bytes);
      expect(createHash("sha256").update(content!).digest("hex")).toBe(sha256);
    }
    const last = artifacts.find(({ name }) => name === "steps.txt")!;
    expect((await contentOf(job.store, storeNames.artifactName(job.id, "steps.txt", last.sha256)))?.toString()).toBe(
      "150",
    );
  });

  test("its own latest checkpoint, read file by file; null for a job that has none", async () => {
    job = await TestJob.create(wishes("talkative", { steps: 100 }, { intervalMs: 100 }));
    const end = await job.attempt().over();
    const { output } = end as Extract<typeof end, { kind: "succeeded" }>;
    const seen = JSON.parse(output) as { seq: number; files: string[]; text: string; other: null };
    expect(job.commits.map(({ seq }) => seq)).toContain(seen.seq);
    expect(seen).toMatchObject({ files: [".cairn.json", "state.json"], other: null });
    expect(JSON.parse(seen.text)).toMatchObject({ steps: 100 });
  });

  test("what it prints is kept: both streams and the lines of ctx.log", async () => {
    job = await TestJob.create(wishes("talkative", { steps: 20 }));
    await job.attempt().over();
    const log = await job.log(1);
    expect(log).toContain("step 1 to stdout\n");
    expect(log).toContain("step 20 to stderr\n");
    expect(log).toMatch(/\{"level":"info","time":"[^"]+","msg":"a step","step":20\}\n/);
  });

  test("what it prints is kept to its last line, also when it fails right after more than fits into a pipe", async () => {
    job = await TestJob.create(wishes("wild", { how: "loud" }));
    expect(await job.attempt().over()).toMatchObject({ kind: "failed", message: "too loud" });
    expect(await job.log(1)).toContain("\nits last words\n");
  });

  test("of a log that is too long head and tail are kept, and its size is bounded", async () => {
    const limit = 64_000;
    job = await TestJob.create(wishes("talkative", { steps: 60, lines: 100 }, { logBytes: limit }));
    await job.attempt().over();
    const log = await job.log(1);
    expect(log).toContain("step 1 to stdout\n");
    expect(log).toContain('"msg":"a step","step":60}\n');
    expect(log).not.toContain("step 30 to stdout\n");
    expect(log.length).toBeLessThan(limit * 1.5);
  });
});
