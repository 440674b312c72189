/** An API whose Redis is away: it says so, soon, does nothing later that it refused, and serves again by itself. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../src/contract/job.ts";
import { ApiCaller, type Call } from "../support/api-caller.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";

const COUNT = { task: "count", input: { steps: 1 } };
const ID = "01m83ma1w710zzs2nz3j2f8zz6";

describe("without Redis", () => {
  let fleet: Fleet;
  let api: ApiCaller;

  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 1 });
    api = await ApiCaller.open(fleet.client.url);
  });
  afterAll(async () => {
    api.close();
    await fleet.stop();
  });

  const calls: readonly [string, Call][] = [
    ["a submission", { method: "POST", path: "/v1/jobs", body: COUNT }],
    [
      "an online request with a key",
      { method: "POST", path: "/v1/tasks/echo/invoke", body: {}, headers: { "idempotency-key": "k" } },
    ],
    ["a look at a job", { path: `/v1/jobs/${ID}` }],
    ["a list", { path: "/v1/jobs" }],
    ["an order", { method: "POST", path: `/v1/jobs/${ID}/stop` }],
    ["a change", { method: "PATCH", path: `/v1/jobs/${ID}`, body: { priority: 1 } }],
    ["a deletion", { method: "DELETE", path: `/v1/jobs/${ID}` }],
    ["events", { path: `/v1/jobs/${ID}/events` }],
    ["workers", { path: "/v1/workers" }],
    ["readiness", { path: "/readyz" }],
  ];

  async function refusals(): Promise<void> {
    for (const [what, call] of calls) {
      const problem = await api.problem(call);
      expect([what, problem.status]).toEqual([what, 503]);
      expect(["redis_unavailable", "outcome_unknown"]).toContain(problem.code);
      if (problem.code === "redis_unavailable") expect(problem.headers["retry-after"]).toMatch(/^\d+$/);
      else expect(problem["job"]).toMatch(/^[0-9a-z]{26}$/);
    }
    const items = await api.json<{ items: readonly { readonly status: number }[] }>(200, {
      method: "POST",
      path: "/v1/jobs/bulk",
      body: [COUNT],
    });
    expect(items.items[0]?.status).toBe(503);
    expect((await api.call({ path: "/livez" })).status).toBe(200);
    expect((await api.call({ path: "/metrics" })).status).toBe(200);
  }

  const backAgain = (): Promise<unknown> =>
    eventually("the API serves again", async () => {
      if ((await api.call({ path: "/readyz" })).status !== 200) return false;
      const reply = await api.call({ method: "POST", path: "/v1/tasks/echo/invoke", body: { a: 1 } });
      return reply.status === 200;
    });

  it("refuses while Redis is mute, and does nothing of it afterwards", async () => {
    fleet.redis.pause();
    await refusals();
    fleet.redis.resume();
    await backAgain();
    const { items } = await api.json<{ items: readonly Job[] }>(200, { path: "/v1/jobs" });
    expect(items).toEqual([]);
  });

  it("refuses while Redis is gone, and serves when it is back", async () => {
    await fleet.redis.kill();
    await refusals();
    await fleet.redis.restart();
    await backAgain();
    const job = await api.call({ method: "POST", path: "/v1/jobs", body: COUNT, headers: { prefer: "wait=25" } });
    expect(JSON.parse(job.text)).toMatchObject({ state: "succeeded" });
  });

  it("keeps a wait open over a short absence, and answers it", async () => {
    const body = { task: "count", input: { steps: 150, stepMs: 20 } };
    const waiting = api.call({ method: "POST", path: "/v1/jobs", body, headers: { prefer: "wait=25" } });
    await eventually(
      "it is submitted",
      async () => (await api.json<{ items: readonly Job[] }>(200, { path: "/v1/jobs?state=running" })).items.length > 0,
    );
    await fleet.redis.kill();
    await fleet.redis.restart();
    const reply = await waiting;
    expect(reply.status).toBeLessThan(300);
    const { id } = JSON.parse(reply.text) as Job;
    // On a busy machine the job may take longer than anybody can wait for.
    await fleet.job(id, "succeeds", ({ state }) => state === "succeeded");
  });
});
