/**
 * The disk of Redis itself is full: it answers, and takes nothing. A small file system in memory; only root can mount
 * one.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOST_AFTER_MS } from "../../src/fleet/fleet.ts";
import { ApiCaller, type Call } from "../support/api-caller.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";
import { startRedis } from "../support/redis.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { STEADY_TASKS, SteadyJob } from "../support/steady-job.ts";

const NO_ROOM = "Redis cannot write to its disk, and takes nothing until it can; nothing was done";

if (!canMount()) console.warn("redis-disk-full.test.ts is left out: only root can mount the file system it fills up");

describe.skipIf(!canMount())("while the disk of Redis is full", () => {
  let disk: SmallDisk;
  let fleet: Fleet;
  let api: ApiCaller;
  beforeAll(async () => {
    const redis = await startRedis();
    await redis.kill();
    disk = new SmallDisk(redis.dataDir);
    await redis.restart();
    fleet = await Fleet.start({ redis, workers: 2, settings: { CAIRN_TASKS: STEADY_TASKS } });
    api = await ApiCaller.open(fleet.client.url);
  });
  afterAll(async () => {
    api.close();
    disk.unmount();
    await fleet.stop();
  });

  const count: Call = { method: "POST", path: "/v1/jobs", body: { task: "count", input: { steps: 1 } } };
  /** Since Redis has a record that it could not write, which takes it a moment to notice. */
  const takesNothing = (): Promise<true> =>
    eventually("Redis takes nothing any more", async () => ((await api.call(count)).status === 503 ? true : null));

  it("what is asked is refused and says why, what is read is answered, and no running job loses its lease", async () => {
    const job = await SteadyJob.submit(fleet);
    const { worker } = await fleet.running(job.id);
    await disk.fill();
    await takesNothing();
    const refused: readonly Call[] = [
      count,
      { method: "POST", path: `/v1/jobs/${job.id}/checkpoint` },
      { method: "POST", path: `/v1/workers/${worker}/cordon` },
      { method: "POST", path: "/v1/tasks/echo/invoke", body: {}, headers: { "idempotency-key": "k" } },
    ];
    for (const call of refused) {
      const { status, code, detail } = await api.problem(call);
      expect([call, status, code, detail]).toEqual([call, 503, "redis_unavailable", NO_ROOM]);
    }
    expect((await api.problem({ method: "POST", path: "/v1/tasks/echo/invoke", body: {} })).status).toBe(503);
    expect(await fleet.client.job(job.id)).toMatchObject({ state: "running" });

    await new Promise((resolve) => setTimeout(resolve, 2 * LOST_AFTER_MS)); // longer than a lease lives
    await disk.makeRoom();
    await eventually("Redis takes something again", async () => ((await api.call(count)).status === 202 ? true : null));
    job.hurry();
    expect(await job.over()).toMatchObject({ state: "succeeded", attempts: 1, output: job.output });
    await eventually("online requests are answered", () => fleet.client.invoke("echo", 1).catch(() => null));
  });
});
