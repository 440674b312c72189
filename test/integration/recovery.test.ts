/** Whatever happens to the processes of a worker, a batch job ends with the result of an undisturbed run. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Worker } from "../../src/contract/worker.ts";
import { Fleet } from "../support/fleet.ts";
import { STEADY_TASKS, SteadyJob } from "../support/steady-job.ts";

describe("a batch job", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 3, settings: { CAIRN_TASKS: STEADY_TASKS } });
  });
  afterAll(() => fleet.stop());

  const end = async (job: SteadyJob): Promise<void> => {
    job.hurry();
    expect(await job.over()).toMatchObject({ state: "succeeded", output: job.output, retries: 0 });
    const attempts = await fleet.attempts(job.id);
    // Every attempt began where the record said, and none went back behind what was committed.
    for (const [at, attempt] of attempts.entries()) {
      expect(attempt.fromCheckpoint ?? 0).toBeGreaterThanOrEqual(attempts[at - 1]?.fromCheckpoint ?? 0);
      expect(attempt.fromCheckpoint).toBe(attempts[at - 1]?.lastCheckpoint ?? null);
    }
    expect(attempts.at(-1)).toMatchObject({ outcome: "succeeded" });
  };
  const replace = async (workerId: string): Promise<void> => {
    await fleet.addWorker(`${workerId}x`);
  };
  const movedOn = ({ id }: SteadyJob, attempt: number) =>
    fleet.job(
      id,
      `has attempt ${attempt + 1} running`,
      ({ attempts, state }) => attempts > attempt && state === "running",
    );

  it("survives SIGKILL of all processes of its worker", async () => {
    const job = await SteadyJob.submit(fleet);
    const first = await fleet.running(job.id);
    await fleet.signal(first.worker, "SIGKILL");
    const second = await movedOn(job, first.attempts);
    expect(second.worker).not.toBe(first.worker);
    await replace(first.worker);
    await end(job);
    const [lost] = await fleet.attempts(job.id);
    expect(lost).toMatchObject({ outcome: "lost", reason: "worker_lost" });
    const { goodput } = await fleet.client.job(job.id);
    for (const part of ["usefulMs", "restoreMs", "detectMs", "queuedMs"] as const)
      expect(goodput?.[part]).toBeGreaterThan(0);
    expect(lost?.goodput?.detectMs).toBe(goodput?.detectMs);
    expect(goodput?.fraction).toBeGreaterThan(0);
    expect(goodput?.fraction).toBeLessThan(1);
  });

  const alone: readonly (keyof Worker["pids"])[] = ["agent", "keepers", "runners"];
  it.each(alone)("survives SIGKILL of the %s alone", async (kind) => {
    const job = await SteadyJob.submit(fleet);
    const first = await fleet.running(job.id);
    await fleet.signal(first.worker, "SIGKILL", kind);
    await movedOn(job, first.attempts);
    if (kind === "agent") await replace(first.worker);
    await end(job);
  });

  it.each(alone)("survives SIGSTOP of the %s alone, and its waking up", async (kind) => {
    const job = await SteadyJob.submit(fleet);
    const first = await fleet.running(job.id);
    await fleet.signal(first.worker, "SIGSTOP", kind);
    await movedOn(job, first.attempts);
    await fleet.signal(first.worker, "SIGCONT", kind);
    await end(job);
    await fleet.worker(first.worker, "ready again", ({ state }) => state === "ready");
  });

  it("moves when its worker freezes past the lease, and nothing late is accepted when it thaws", async () => {
    const job = await SteadyJob.submit(fleet);
    const first = await fleet.running(job.id);
    await fleet.signal(first.worker, "SIGSTOP");
    const second = await movedOn(job, first.attempts);
    expect(second.worker).not.toBe(first.worker);
    await fleet.signal(first.worker, "SIGCONT");
    await fleet.worker(
      first.worker,
      "rid of its runner",
      ({ state, pids }) => state === "ready" && pids.runners.length === 0,
    );
    await end(job);
  });

  it("stops at a checkpoint and continues exactly there", async () => {
    const job = await SteadyJob.submit(fleet);
    await fleet.running(job.id);
    await fleet.client.stop(job.id);
    const stopped = await fleet.job(job.id, "is stopped", ({ state }) => state === "stopped");
    const progress = stopped.checkpoint?.progress ?? -1;
    expect(progress).toBeGreaterThan(0);
    await fleet.client.resume(job.id);
    const seen = await fleet.job(
      job.id,
      "runs again",
      ({ state, progress: now }) => state === "running" && now !== null,
    );
    expect(seen.progress?.completed).toBeGreaterThanOrEqual(progress);
    await end(job);
    expect((await fleet.attempts(job.id)).map(({ outcome }) => outcome)).toEqual(["interrupted", "succeeded"]);
  });

  it("can be cancelled while it runs, and its process ends", async () => {
    const { id } = await SteadyJob.submit(fleet);
    const { worker } = await fleet.running(id);
    const { pids } = await fleet.worker(worker);
    await fleet.client.cancel(id);
    await fleet.job(id, "is cancelled", ({ state }) => state === "cancelled");
    await fleet.worker(
      worker,
      "rid of the runner",
      (now) => !now.pids.runners.some((pid) => pids.runners.includes(pid)),
    );
  });
});

describe("an agent that does not hear that it was given a job", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 1, settings: { CAIRN_FAULTS: "agent.lease-answer=fail@1" } });
  });
  afterAll(() => fleet.stop());

  it("gives it back, and it runs", async () => {
    const id = await fleet.count(10, 10);
    await fleet.job(id, "succeeds", ({ state }) => state === "succeeded");
    const attempts = await fleet.attempts(id);
    expect(attempts.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ["interrupted", "lease_unheard"],
      ["succeeded", null],
    ]);
  });
});

describe("an agent that does not check its own lease after a freeze", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({
      workers: 2,
      settings: { CAIRN_FAULTS: "agent.own-check=skip", CAIRN_TASKS: STEADY_TASKS },
    });
  });
  afterAll(() => fleet.stop());

  it("has its late writes refused by the record, and counted", async () => {
    const job = await SteadyJob.submit(fleet);
    const first = await fleet.running(job.id);
    await fleet.signal(first.worker, "SIGSTOP", "agent");
    await fleet.job(job.id, "has moved", ({ attempts, state }) => attempts > first.attempts && state === "running");
    await fleet.signal(first.worker, "SIGCONT", "agent");
    await fleet.job(job.id, "has refused a late write", ({ staleWritesRefused }) => staleWritesRefused > 0);
    job.hurry();
    expect(await job.over()).toMatchObject({ state: "succeeded", output: job.output });
  });
});
