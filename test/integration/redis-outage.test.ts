/** Redis goes away and comes back: what runs goes on, what is asked is refused with the truth. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CairnClient } from "../../src/client/client.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";
import { STEADY_TASKS, SteadyJob } from "../support/steady-job.ts";

describe("while Redis is away", () => {
  let fleet: Fleet;
  let impatient: CairnClient;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 2, settings: { CAIRN_TASKS: STEADY_TASKS } });
    impatient = new CairnClient({ url: fleet.client.url, maxTries: 1 });
  });
  afterAll(() => fleet.stop());

  const succeedsInOneAttempt = async (job: SteadyJob): Promise<void> => {
    job.hurry();
    expect(await job.over()).toMatchObject({ state: "succeeded", attempts: 1, output: job.output });
  };

  it("a running job computes on through a restart of Redis, in the same attempt", async () => {
    const job = await SteadyJob.submit(fleet);
    await fleet.running(job.id);
    await fleet.redis.kill();
    await expect(impatient.submit({ task: "count", input: { steps: 1 } })).rejects.toMatchObject({
      code: "redis_unavailable",
    });
    await expect(impatient.invoke("echo", 1)).rejects.toMatchObject({ problem: { status: 503 } });
    await fleet.redis.restart();
    await succeedsInOneAttempt(job);
    await eventually("new work is taken", () => impatient.invoke("echo", 1).catch(() => null));
  });

  it("a mute Redis costs no running job its lease, and what was refused does not run later", async () => {
    const job = await SteadyJob.submit(fleet);
    await fleet.running(job.id);
    const before = await countJobs();
    fleet.redis.pause();
    const refusal = await impatient.submit({ task: "count", input: { steps: 1 } }).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 4_000)); // the outage: longer than a lease lives
    fleet.redis.resume();
    expect(refusal).toMatchObject({ problem: { status: 503 } });
    await succeedsInOneAttempt(job);
    expect(await countJobs()).toBe(before);
  });

  const countJobs = async (): Promise<number> => {
    const ids: string[] = [];
    for await (const { id } of fleet.client.jobs({})) ids.push(id);
    return ids.length;
  };
});
