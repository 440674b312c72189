import { describe, expect, it } from "vitest";
import type { Attempt } from "../../src/contract/job.ts";
import { problem } from "../../src/contract/problem.ts";
import { workerSchema, type TaskView, type Worker } from "../../src/contract/worker.ts";
import { explainJob, type JobFacts } from "../../src/cli/explain-job.ts";
import { JOB_REASONS, reasonSentence, type JobReason } from "../../src/domain/job-reason.ts";
import { NEVER_ASKED_MS } from "../../src/domain/checkpoint-interval.ts";
import { JOB_STATES, type JobState } from "../../src/domain/job-state.ts";
import { describeTask } from "../../src/tasks/task-info.ts";
import { count } from "../../workers/tasks/count.ts";
import { sampleJob } from "../support/sample-job.ts";

const nowMs = Date.parse("2026-01-02T03:05:05.000Z");

function worker(id: string, change: Partial<Worker> = {}): Worker {
  return workerSchema.parse({
    id,
    state: "ready",
    reason: null,
    host: "h",
    version: "0.1.0",
    zone: null,
    region: null,
    labels: {},
    pools: ["default"],
    tasks: ["count"],
    pids: { agent: 1, replicas: [], keepers: [], runners: [] },
    slots: { online: { total: 16, used: 0 }, batch: { total: 2, used: 0 } },
    load: 0,
    replicas: [],
    replaced: {},
    loopLagMs: 0,
    beatAgeMs: 0,
    startedAt: "2026-01-02T03:00:00.000Z",
    ...change,
  });
}

const task: TaskView = { ...describeTask(count), workers: ["w1"] };

const lost: Attempt = {
  number: 1,
  fence: "1.1",
  worker: "w1",
  zone: "a",
  startedAt: "2026-01-02T03:04:10.000Z",
  endedAt: "2026-01-02T03:04:40.000Z",
  fromCheckpoint: null,
  lastCheckpoint: 4,
  outcome: "lost",
  goodput: null,
  reason: "worker_lost",
  why: null,
  replica: null,
  queueMs: null,
  runMs: null,
};

function explain(change: Partial<JobFacts>): string {
  return explainJob({
    job: sampleJob(),
    attempts: [],
    dependencies: [],
    workers: [worker("w1")],
    task,
    lastWords: [],
    brake: null,
    orders: [],
    nowMs,
    typed: "cairn",
    ...change,
  }).join("\n");
}

describe("cairn explain", () => {
  it("tells what was asked of the job, by whom, and what became of it; of many orders the last five", () => {
    const order = { at: "2026-01-02T03:05:00.000Z", by: "ann (10.0.0.7)", order: "stop", effectAt: null };
    const orders = [
      { ...order, order: "submit", effect: "running on w1 after 1s" },
      { ...order, effect: "stopped at checkpoint 4 after 2s" },
      { ...order, by: null, order: "resume", effect: null },
    ];
    expect(explain({ orders })).toContain(
      "What was asked of it:\n- stop, 5s ago, by ann (10.0.0.7): stopped at checkpoint 4 after 2s.\n- resume, 5s ago: nothing came of it yet.\n",
    );
    expect(explain({ orders: Array.from({ length: 7 }, () => orders[1]!) })).toContain("(the last 5 of 7):");
    expect(explain({ orders: orders.slice(0, 1) })).not.toContain("asked");
  });

  it("says of a queued job what it waits for, and whose slots are taken", () => {
    const busy = worker("w1", { slots: { online: { total: 1, used: 0 }, batch: { total: 2, used: 2 } } });
    const text = explain({ workers: [busy, worker("w2", { state: "draining" }), worker("w3", { tasks: [] })] });
    expect(text).toContain(`, queued: waits for a slot. It ${JOB_REASONS.waiting_for_slot}.`);
    expect(text).toContain("submitted 1m00s ago with priority 0");
    expect(text).toContain("1 ready worker has the task: w1 (2 of 2 slots used); w2 is draining.");
    expect(text).toContain("All their slots are taken.");
    expect(text).not.toContain("w3");
  });

  it("says that its worker is silent, and that it is spared when many are", () => {
    const job = sampleJob({ state: "running", reason: null, worker: "w1", attempts: 1 });
    const workers = [worker("w1", { beatAgeMs: 7_000 })];
    expect(explain({ job, workers })).toContain("Its worker w1 was last heard of 7s ago.");
    expect(explain({ job, workers, brake: { silent: 5, workers: 8 } })).toContain("So are 5 of 8 workers");
    expect(explain({ job })).not.toContain("last heard of");
  });

  it("names the last lines that a failed job wrote", () => {
    const error = problem("quarantined", "attempt 3 on w1 (ended by SIGKILL) ended in a row without a new checkpoint");
    const job = sampleJob({ state: "failed", reason: "quarantined", error, attempts: 3 });
    const text = explain({ job, lastWords: ["allocating 90 GiB", "\u001b[31mKilled"] });
    expect(text).toContain("(quarantined): attempt 3 on w1");
    expect(text).toContain("The last lines of its log (attempt 3):\n| allocating 90 GiB\n|  [31mKilled");
  });

  it("says when no live worker has the task, and what to start", () => {
    const job = sampleJob({ reason: "no_worker_has_task" });
    const text = explain({ job, workers: [worker("w1", { tasks: [] })] });
    expect(text).toContain("No live worker has the task count.");
    expect(text).toContain("cairn worker --tasks");
    expect(explain({ job, task: null })).toContain("No worker has registered the task count.");
  });

  it("of a pool that nobody serves says so, and which pools have the task", () => {
    const workers = [worker("w1"), worker("w2"), worker("g1", { pools: ["gpu", "default"] })];
    for (const reason of ["waiting_for_slot", "no_worker_in_pool"] as const) {
      const job = sampleJob({ pool: "defualt", reason });
      const text = explain({ job, workers });
      expect(text).toContain("no live worker serves its pool");
      expect(text).toContain("No live worker that has the task serves the pool defualt.");
      expect(text).toContain("The pools with the task: default (w1, w2, g1); gpu (g1).");
      expect(text).toContain(`cairn worker --pools defualt; or give the job up (cairn cancel ${job.id})`);
      expect(text).not.toContain("ready worker");
    }
    expect(explain({ job: sampleJob({ pool: "gpu" }), workers })).toContain(
      "1 ready worker has the task in its pool gpu: g1",
    );
  });

  it("promises no checkpoint to a job that has none", () => {
    const job = sampleJob({ reason: "worker_lost", attempts: 1 });
    expect(explain({ job })).toContain(
      "It is so because its worker was lost before the first checkpoint; it begins anew",
    );
    const checkpoint = { seq: 4, at: "2026-01-02T03:04:35.000Z", bytes: 2_048, progress: 300 };
    expect(explain({ job: { ...job, checkpoint } })).toContain("it continues from its last checkpoint on another");
    const draining = sampleJob({ state: "stopping", reason: "worker_draining" });
    expect(explain({ job: draining })).toContain("from the checkpoint made for that");
  });

  it("of a job that waits again tells what its last attempt had done, and not that it has done it", () => {
    const progress = { completed: 40, total: 100, unit: "steps", fraction: 0.4, ratePerSecond: null, etaMs: null };
    const text = explain({ job: sampleJob({ progress, attempts: 1 }) });
    expect(text).toContain("When its last attempt ended it had done 40 of 100 steps (40%).");
    expect(text).toContain("another attempt starts from the beginning");
  });

  it("names all of its time in shares that add up, what was useful never rounded up", () => {
    const goodput = {
      ...{ usefulMs: 2_596, checkpointMs: 4, restoreMs: 7_000, redoneMs: 0, detectMs: 0, queuedMs: 400 },
      ...{ heldMs: 60_000, fraction: 0.2596 },
    };
    expect(explain({ job: sampleJob({ state: "running", reason: null, attempts: 1, goodput }) })).toContain(
      "Of its 10s 70% starting and restoring, 25% useful, 4% waiting for a slot, 1% checkpoints; " +
        "besides, it was held back for 1m00s.",
    );
  });

  it("of a program that makes its own checkpoints says that, and no time", () => {
    const checkpointInterval = { ms: NEVER_ASKED_MS, costMs: null, mtbfMs: 60_000, why: "fixed" as const };
    const text = explain({ job: sampleJob({ state: "running", reason: null, checkpointInterval }) });
    expect(text).toContain("It makes a checkpoint whenever the program makes one by itself.");
  });

  it("of a fork says of which job, and where it began", () => {
    const forkOf = "01hzyv7k3m8q4r5t6w7x8y9z0b";
    const checkpoint = { seq: 2, at: "2026-01-02T03:04:35.000Z", bytes: 1, progress: 3 };
    expect(explain({ job: sampleJob({ forkOf, checkpoint }) })).toContain(
      `It is a fork of ${forkOf}, and began at its checkpoint 2.`,
    );
    expect(explain({ job: sampleJob({ forkOf, checkpoint, attempts: 1 }), attempts: [lost] })).toContain(
      "began from the beginning, without a checkpoint of it",
    );
  });

  it("tells the attempts: which worker, from which checkpoint, up to which, and how it ended", () => {
    const running: Attempt = {
      ...lost,
      number: 2,
      worker: "w2",
      zone: null,
      startedAt: "2026-01-02T03:04:45.000Z",
      endedAt: null,
      fromCheckpoint: 4,
      outcome: "running",
      reason: null,
    };
    const checkpoint = { seq: 4, at: "2026-01-02T03:04:35.000Z", bytes: 2_048, progress: 300 };
    const job = sampleJob({
      state: "running",
      reason: null,
      attempts: 2,
      worker: "w2",
      checkpoint,
      staleWritesRefused: 1,
      checkpointTrouble: {
        dropped: 3,
        setAside: 1,
        last: { at: "2026-01-02T03:04:55.000Z", why: "no_room", text: "there was no room for it", detail: "ENOSPC" },
      },
    });
    const text = explain({ job, attempts: [lost, running] });
    expect(text).toContain(
      "- attempt 1 on w1 in a, from the beginning, up to checkpoint 4: lost after 30s (worker_lost).",
    );
    expect(text).toContain("- attempt 2 on w2, from checkpoint 4: running for 20s.");
    expect(text).toContain("checkpoint is number 4 at 300, 2.0 KiB, 30s old");
    expect(text).toContain(
      "Of its checkpoints 3 could not be taken, 1 could not be read back and are set aside; " +
        "the last, 10s ago, because there was no room for it (ENOSPC).",
    );
    expect(text).toContain("1 late writes of attempts that had lost their lease were refused.");
  });

  it("of many attempts tells the last five", () => {
    const attempts = Array.from({ length: 9 }, (_, index) => ({ ...lost, number: index + 1 }));
    const text = explain({ attempts });
    expect(text).toContain("There were 9 attempts, the last 5:");
    expect(text).not.toContain("attempt 4 on");
    expect(text).toContain("attempt 5 on");
  });

  it("of a failed job tells the error, the log and the way to try again", () => {
    const job = sampleJob({
      state: "failed",
      reason: "retries_exhausted",
      error: problem("task_failed", "disk\u001b[2J full"),
      finishedAt: "2026-01-02T03:05:00.000Z",
      attempts: 4,
      retries: 4,
    });
    const text = explain({ job, attempts: [lost] });
    expect(text).toContain("(task_failed): disk [2J full");
    expect(text).toContain(`cairn logs ${job.id}`);
    expect(text).toContain(`cairn retry ${job.id}`);
    expect(text).not.toContain("ready worker");
  });

  it("a job that waits for others names them, and whom to retry when one of them failed", () => {
    const blocked = sampleJob({ state: "blocked", reason: "waiting_for_jobs" });
    const parent = (job: string, status: "waiting" | "failed") => ({ job, onFailure: "cancel" as const, status });
    expect(explain({ job: blocked, dependencies: [parent("a", "waiting"), parent("b", "waiting")] })).toContain(
      "Not ended yet: a, b.",
    );
    const cancelled = sampleJob({ state: "cancelled", reason: "dependency_failed" });
    const text = explain({ job: cancelled, dependencies: [parent("a", "failed")] });
    expect(text).toContain("This one did not succeed: a.");
    expect(text).toContain("cairn retry a; this one then waits for it again");
  });

  it("has a sentence for every state with every reason, each on a line of its own", () => {
    for (const state of Object.keys(JOB_STATES) as JobState[]) {
      for (const reason of Object.keys(JOB_REASONS) as JobReason[]) {
        const [first = ""] = explainJob({
          job: sampleJob({ state, reason }),
          attempts: [],
          dependencies: [],
          workers: [],
          task,
          lastWords: [],
          brake: null,
          orders: [],
          nowMs,
          typed: "cairn",
        });
        expect(first).toContain(JOB_STATES[state]);
        expect(first).toContain(reasonSentence(reason, { state, checkpoint: null }));
      }
    }
  });
});
