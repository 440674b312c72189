/** A store that answers nothing at all, as a mount does whose server is gone. Needs a C compiler. */
import { mkdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { canCompile } from "../support/faults/compiled.ts";
import { FailingDisk } from "../support/faults/failing-disk.ts";
import { preloadedNode } from "../support/faults/preloaded-node.ts";
import { Fleet } from "../support/fleet.ts";
import { STEADY_TASKS, SteadyJob } from "../support/steady-job.ts";

if (!canCompile()) console.warn("hung-store.test.ts is left out: there is no C compiler");

describe.skipIf(!canCompile())("a worker whose checkpoint store hangs", () => {
  let fleet: Fleet;
  let disk: FailingDisk;
  beforeAll(async () => {
    fleet = await Fleet.start({
      workers: 0,
      settings: { CAIRN_TASKS: STEADY_TASKS, CAIRN_STOP_GRACE_MS: "1000", CAIRN_STORE_PATIENCE_MS: "3000" },
    });
    mkdirSync(fleet.storeFolder, { recursive: true });
    disk = new FailingDisk(fleet.storeFolder);
    const node = preloadedNode(fleet.folder, "hanging", [disk.library], disk.variables);
    await fleet.addWorker("w1", { CAIRN_BATCH_SLOTS: "1" }, node);
  });
  afterAll(async () => {
    disk.heal();
    await fleet.stop();
    disk.remove();
  });

  it("lets go of a job that is cancelled while it waits for the store, frees its slot, and runs others when that answers again", async () => {
    disk.hang();
    const job = await SteadyJob.submit(fleet);
    await fleet.job(job.id, "is leased", ({ state }) => state === "running");
    await eventually("its keeper waits for the store", () => disk.failed > 0);
    await fleet.client.cancel(job.id);
    expect(await job.over()).toMatchObject({ state: "cancelled", attempts: 1 });
    const other = await SteadyJob.submit(fleet);
    await fleet.job(other.id, "is leased too, by the only slot there is", ({ state }) => state === "running");
    await fleet.client.cancel(other.id);
    await other.over();
    disk.heal();
    const next = await SteadyJob.submit(fleet);
    await fleet.running(next.id);
    next.hurry();
    expect(await next.over()).toMatchObject({ state: "succeeded", output: next.output });
  });

  it("goes on with a job that computes, without checkpoints, until the store answers again", async () => {
    const job = await SteadyJob.submit(fleet);
    await fleet.job(job.id, "has a checkpoint", ({ checkpoint }) => checkpoint !== null);
    disk.hang();
    const label = "misses a checkpoint";
    const { checkpointTrouble } = await fleet.job(job.id, label, (seen) => seen.checkpointTrouble !== null);
    expect(checkpointTrouble).toMatchObject({ last: { why: "not_stored" } });
    disk.heal();
    job.hurry();
    expect(await job.over()).toMatchObject({ state: "succeeded", output: job.output, attempts: 1 });
  });

  it("gives a job that cannot begin there to another worker, at no cost of a retry", async () => {
    disk.hang();
    const job = await SteadyJob.submit(fleet);
    await fleet.job(job.id, "is leased", ({ state }) => state === "running");
    await fleet.addWorker("w2");
    await fleet.job(job.id, "runs elsewhere", ({ state, worker }) => state === "running" && worker === "w2");
    job.hurry();
    expect(await job.over()).toMatchObject({ state: "succeeded", output: job.output, retries: 0 });
    const attempts = await fleet.attempts(job.id);
    const there = attempts.find(({ worker }) => worker === "w1");
    expect(there).toMatchObject({ outcome: "interrupted", reason: "store_unavailable" });
    const next = await SteadyJob.submit(fleet); // The worker whose store hangs is not handed the next.
    expect(await fleet.running(next.id)).toMatchObject({ worker: "w2", attempts: 1 });
    next.hurry();
    await next.over();
  });
});
