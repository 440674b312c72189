/** Graphs and arrays on real processes, which really die. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CairnClient } from "../../src/client/client.ts";
import { eventually } from "../support/eventually.ts";
import { countDigest, Fleet } from "../support/fleet.ts";

const TASKS = fileURLToPath(new URL("../support/graph-tasks.mjs", import.meta.url));

describe("graphs and arrays on a fleet", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 1, settings: { CAIRN_TASKS: TASKS } });
  });
  afterAll(() => fleet.stop());

  it("a job sees what those it waited for have made: an array of three, and one alone", async () => {
    const { client } = fleet;
    const array = await client.arrays.submit({ task: "part", input: { n: "{index}" } }, { count: 3 });
    const { job: single } = await client.submit({ task: "part", input: { n: 10 } });
    const request = { task: "total", input: {}, dependsOn: [array.id, single.id] };
    expect(await client.submitAndWait(request, { timeoutMs: 100_000 })).toMatchObject({
      state: "succeeded",
      output: { sum: 13, indexes: [0, 1, 2, null] },
    });
    expect(await client.arrays.get(array.id)).toMatchObject({ state: "succeeded", progress: { fraction: 1 } });
  });

  it("FK1: a fork goes on from a checkpoint of another job, with another input", async () => {
    const { client } = fleet;
    const { job } = await client.submit({ task: "count", input: { steps: 2_000, stepMs: 50 } });
    await fleet.running(job.id);
    const { checkpoint } = await client.checkpoint(job.id, { waitMs: 25_000 });
    const fork = await client.fork(job.id, { input: { steps: 2_010, stepMs: 0 }, labels: { variant: "b" } });
    expect(fork).toMatchObject({ forkOf: job.id, checkpoint: { seq: checkpoint?.seq } });
    expect(await client.wait(fork.id, { timeoutMs: 60_000 })).toMatchObject({
      state: "succeeded",
      output: { steps: 2_010, digest: countDigest(2_010) },
    });
    expect(await fleet.attempts(fork.id)).toMatchObject([{ fromCheckpoint: checkpoint?.seq, outcome: "succeeded" }]);
    expect(await client.cancel(job.id, { waitMs: 20_000 })).toMatchObject({ state: "cancelled", attempts: 1 });
  });

  it("AF1: an API that is killed in the middle of an array leaves nothing half, and the same key gets the same", async () => {
    const mortal = await fleet.addApi({ CAIRN_FAULTS: "array.after-script=kill@20" });
    const impatient = new CairnClient({ url: mortal.url, maxTries: 1 });
    const submit = (client: CairnClient) =>
      client.arrays.submit(
        { task: "part", input: { n: 1 }, runAt: "2099-01-01T00:00:00Z", labels: { run: "cut" } },
        { count: 300 },
        { idempotencyKey: "sweep" },
      );
    await expect(submit(impatient)).rejects.toMatchObject({ name: "CairnUnreachable" });
    const { client } = fleet;
    const [array] = await eventually("the array is made in full", async () => {
      const { items } = await client.arrays.page({ limit: 1 });
      return items[0]?.labels["run"] === "cut" && items[0].created === 300 ? items : null;
    });
    expect(await submit(client)).toMatchObject({ id: array?.id, states: { scheduled: 300 } });
    expect((await client.arrays.control(array?.id ?? "", "cancel")).changed).toBe(300);
  });
});
