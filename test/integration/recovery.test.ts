/** Whatever happens to the processes of a worker, a batch job ends with the result of an undisturbed run. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Worker } from "../../src/contract/worker.ts";
import { countDigest, Fleet } from "../support/fleet.ts";

const STEPS = 35;
const STEP_MS = 100;
const DIGEST = countDigest(STEPS);

describe("a batch job", { timeout: 120_000 }, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 3 });
  });
  afterAll(() => fleet.stop());

  const end = async (id: string): Promise<void> => {
    const job = await fleet.job(
      id,
      "succeeds",
      ({ state }) => ["succeeded", "failed", "cancelled"].includes(state),
      90_000,
    );
    expect(job).toMatchObject({ state: "succeeded", output: { steps: STEPS, digest: DIGEST }, retries: 0 });
    const attempts = await fleet.attempts(id);
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
  const movedOn = (id: string, attempt: number) =>
    fleet.job(
      id,
      `has attempt ${attempt + 1} running`,
      ({ attempts, state }) => attempts > attempt && state === "running",
    );

  it("survives SIGKILL of all processes of its worker", async () => {
    const id = await fleet.count(STEPS, STEP_MS);
    const first = await fleet.running(id);
    await fleet.signal(first.worker, "SIGKILL");
    const second = await movedOn(id, first.attempts);
    expect(second.worker).not.toBe(first.worker);
    await replace(first.worker);
    await end(id);
    const [lost] = await fleet.attempts(id);
    expect(lost).toMatchObject({ outcome: "lost", reason: "worker_lost" });
    const { goodput } = await fleet.client.job(id);
    for (const part of ["usefulMs", "restoreMs", "detectMs", "queuedMs"] as const)
      expect(goodput?.[part]).toBeGreaterThan(0);
    expect(lost?.goodput?.detectMs).toBe(goodput?.detectMs);
    expect(goodput?.fraction).toBeGreaterThan(0);
    expect(goodput?.fraction).toBeLessThan(1);
  });

  const alone: readonly (keyof Worker["pids"])[] = ["agent", "keepers", "runners"];
  it.each(alone)("survives SIGKILL of the %s alone", async (kind) => {
    const id = await fleet.count(STEPS, STEP_MS);
    const first = await fleet.running(id);
    await fleet.signal(first.worker, "SIGKILL", kind);
    await movedOn(id, first.attempts);
    if (kind === "agent") await replace(first.worker);
    await end(id);
  });

  it.each(alone)("survives SIGSTOP of the %s alone, and its waking up", async (kind) => {
    const id = await fleet.count(STEPS, STEP_MS);
    const first = await fleet.running(id);
    await fleet.signal(first.worker, "SIGSTOP", kind);
    await movedOn(id, first.attempts);
    await fleet.signal(first.worker, "SIGCONT", kind);
    await end(id);
    await fleet.worker(first.worker, "ready again", ({ state }) => state === "ready");
  });

  it("moves when its worker freezes past the lease, and nothing late is accepted when it thaws", async () => {
    const id = await fleet.count(STEPS, STEP_MS);
    const first = await fleet.running(id);
    await fleet.signal(first.worker, "SIGSTOP");
    const second = await movedOn(id, first.attempts);
    expect(second.worker).not.toBe(first.worker);
    await fleet.signal(first.worker, "SIGCONT");
    await fleet.worker(
      first.worker,
      "rid of its runner",
      ({ state, pids }) => state === "ready" && pids.runners.length === 0,
    );
    await end(id);
  });

  it("stops at a checkpoint and continues exactly there", async () => {
    const id = await fleet.count(STEPS, STEP_MS);
    await fleet.running(id);
    await fleet.client.stop(id);
    const stopped = await fleet.job(id, "is stopped", ({ state }) => state === "stopped");
    const progress = stopped.checkpoint?.progress ?? -1;
    expect(progress).toBeGreaterThan(0);
    await fleet.client.resume(id);
    const seen = await fleet.job(id, "runs again", ({ state, progress: now }) => state === "running" && now !== null);
    expect(seen.progress?.completed).toBeGreaterThanOrEqual(progress);
    await end(id);
    expect((await fleet.attempts(id)).map(({ outcome }) => outcome)).toEqual(["interrupted", "succeeded"]);
  });

  it("can be cancelled while it runs, and its process ends", async () => {
    const id = await fleet.count(10_000, STEP_MS);
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

describe("an agent that does not hear that it was given a job", { timeout: 120_000 }, () => {
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

describe("an agent that does not check its own lease after a freeze", { timeout: 120_000 }, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 2, settings: { CAIRN_FAULTS: "agent.own-check=skip" } });
  });
  afterAll(() => fleet.stop());

  it("has its late writes refused by the record, and counted", async () => {
    const id = await fleet.count(STEPS, STEP_MS);
    const first = await fleet.running(id);
    await fleet.signal(first.worker, "SIGSTOP", "agent");
    await fleet.job(id, "has moved", ({ attempts, state }) => attempts > first.attempts && state === "running");
    await fleet.signal(first.worker, "SIGCONT", "agent");
    const job = await fleet.job(id, "succeeds", ({ state }) => state === "succeeded");
    expect(job.staleWritesRefused).toBeGreaterThan(0);
    expect(job.output).toEqual({ steps: STEPS, digest: DIGEST });
  });
});
