/** Redis is lost altogether, and the checkpoint store is not: `cairn doctor --rebuild` brings the jobs back. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStore } from "../../src/checkpoints/checkpoints.ts";
import type { Job } from "../../src/contract/job.ts";
import { closeRedis, connectRedis, whenReady } from "../../src/redis/connection.ts";
import { runCairn } from "../support/cairn-command.ts";
import { eventually } from "../support/eventually.ts";
import { countDigest, Fleet } from "../support/fleet.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { STEADY_TASKS, SteadyJob } from "../support/steady-job.ts";

interface Row {
  readonly id: string;
  readonly found: string;
  readonly state: string | null;
}

describe("when Redis has lost everything", () => {
  let fleet: Fleet;
  let fresh: TestRedis | null = null;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 2, settings: { CAIRN_BATCH_SLOTS: "4", CAIRN_TASKS: STEADY_TASKS } });
  });
  afterAll(async () => {
    await fresh?.stop();
    await fleet.stop();
  });

  const doctor = async (...args: string[]): Promise<Row[]> => {
    const env = { CAIRN_REDIS_URL: fleet.redis.url, CAIRN_DATA: fleet.folder };
    const ended = await runCairn(["doctor", "--rebuild", "-o", "json", ...args], { env });
    expect(ended).toMatchObject({ code: 0 });
    return (JSON.parse(ended.out) as { readonly items: Row[] }).items;
  };
  const told = (rows: readonly Row[], ids: readonly string[]): (string | null)[][] =>
    ids.map((id) => rows.filter((row) => row.id === id).flatMap(({ found, state }) => [found, state]));
  const succeeds = async (steady: SteadyJob): Promise<Job> => {
    steady.hurry();
    const job = await steady.over();
    expect(job).toMatchObject({ state: "succeeded", output: steady.output });
    return job;
  };
  const inTheStore = (id: string, state: string): Promise<string> =>
    eventually(`the store knows that ${id} is ${state}`, async () => {
      for await (const name of openStore(`file:${fleet.folder}/store`).list(`jobs/${id}/marks/`)) {
        if (name.includes(state)) return name;
      }
      return null;
    });

  it("jobs that ran go on from their checkpoints, and what was over stays over", async () => {
    const finished = await fleet.count(3, 0);
    await fleet.job(finished, "succeeds", ({ state }) => state === "succeeded");
    const running = await Promise.all([1, 2, 3].map(() => SteadyJob.submit(fleet)));
    const stopped = await SteadyJob.submit(fleet);
    await fleet.running(stopped.id);
    await fleet.client.stop(stopped.id);
    await inTheStore(stopped.id, "stopped");
    for (const { id } of running) await fleet.running(id);

    await flush();
    const lost = await doctor();
    const all = [...running.map(({ id }) => id), finished, stopped.id];
    const states = [...running.map(() => "queued"), "succeeded", "stopped"];
    expect(told(lost, all)).toEqual(states.map((state) => ["lost", state]));
    await expect(fleet.client.job(finished)).rejects.toMatchObject({ code: "unknown_job" }); // Nothing was changed.

    expect(told(await doctor("--apply"), all)).toEqual(states.map((state) => ["rebuilt", state]));
    expect(told(await doctor("--apply"), all)).toEqual(all.map(() => ["live", null]));
    for (const steady of running) {
      const job = await succeeds(steady);
      expect(job.attempts).toBeGreaterThan(1);
      expect((await fleet.attempts(job.id)).at(-1)?.fromCheckpoint).toBeGreaterThan(0);
    }
    const over = await fleet.client.job(finished);
    expect(over).toMatchObject({ state: "succeeded", attempts: 1, output: { steps: 3, digest: countDigest(3) } });
    expect(await fleet.client.job(stopped.id)).toMatchObject({ state: "stopped", reason: "stopped_by_request" });
    await fleet.client.resume(stopped.id);
    await succeeds(stopped);
  });

  it("a server that knows nothing of the old one is as good", async () => {
    const steady = await SteadyJob.submit(fleet);
    const { id, attempts } = await fleet.running(steady.id);
    await fleet.redis.kill();
    fresh = await startRedis({ port: fleet.redis.port });
    await eventually("the API serves again", () =>
      fleet.client.ready().then(
        () => true,
        () => null,
      ),
    );
    expect(told(await doctor("--apply"), [id])).toEqual([["rebuilt", "queued"]]);
    const job = await succeeds(steady);
    expect(job.attempts).toBeGreaterThan(attempts);
    const fences = (await fleet.attempts(id)).map(({ fence }) => Number(fence.split(".")[0]));
    expect(fences.at(-1)).toBeGreaterThan(fences[0] ?? 0);
  });

  const flush = async (): Promise<void> => {
    const redis = connectRedis(fleet.redis.url, { kind: "command", commandTimeoutMs: 5_000 }, "test");
    await whenReady(redis, fleet.redis.url, 5_000);
    await redis.flushall();
    closeRedis(redis);
  };
});
