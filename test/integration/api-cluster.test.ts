/** The API on a Redis Cluster of three primaries: everything that touches Redis, once. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../src/contract/job.ts";
import { ApiCaller } from "../support/api-caller.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

const COUNT = { task: "count", input: { steps: 5, stepMs: 10 } };

describe("the API on a Cluster", () => {
  let fleet: Fleet;
  let api: ApiCaller;

  beforeAll(async () => {
    const cluster = await startRedisCluster();
    const [first] = cluster.primaries;
    if (first === undefined) throw new Error("no primary");
    fleet = await Fleet.start({ workers: 1, redis: { ...first, url: cluster.url, stop: () => cluster.stop() } });
    api = await ApiCaller.open(fleet.client.url);
  });
  afterAll(async () => {
    api.close();
    await fleet.stop();
  });

  it("submits, waits, repeats, lists, changes and deletes jobs", async () => {
    const call = {
      method: "POST",
      path: "/v1/jobs",
      body: COUNT,
      headers: { prefer: "wait=25", "idempotency-key": "c" },
    };
    const job = await api.json<Job>(200, call);
    expect(job.state).toBe("succeeded");
    const again = await api.call(call);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect((JSON.parse(again.text) as Job).id).toBe(job.id);
    const list = await api.json<{ items: readonly Job[] }>(200, {
      path: "/v1/jobs?state=succeeded&task=count&class=batch",
    });
    expect(list.items.map(({ id }) => id)).toEqual([job.id]);
    await api.json(200, { method: "PATCH", path: `/v1/jobs/${job.id}`, body: { labels: { a: "b" } } });
    const stream = await api.call({ path: `/v1/jobs/${job.id}/events` });
    expect(stream.text).toContain('"type":"succeeded"');
    expect((await api.call({ method: "DELETE", path: `/v1/jobs/${job.id}` })).status).toBe(204);
  });

  it("takes many jobs at once, and shows what waits", async () => {
    const body = Array.from({ length: 40 }, () => ({ ...COUNT, runAt: "2099-01-01T00:00:00Z" }));
    const { items } = await api.json<{ items: readonly { readonly status: number }[] }>(200, {
      method: "POST",
      path: "/v1/jobs/bulk",
      body,
    });
    expect(items.every(({ status }) => status === 202)).toBe(true);
    expect((await api.json<{ items: readonly Job[] }>(200, { path: "/v1/jobs?state=scheduled" })).items).toHaveLength(
      40,
    );
    for (const path of ["/v1/queues", "/v1/workers", "/v1/fleet", "/v1/tasks", "/metrics", "/readyz"]) {
      expect([path, (await api.call({ path })).status]).toEqual([path, 200]);
    }
  });

  it("answers online requests, with a key once", async () => {
    const call = { method: "POST", path: "/v1/tasks/once/invoke", body: {}, headers: { "idempotency-key": "i" } };
    const first = await api.call(call);
    const again = await api.call(call);
    expect([first.status, again.text]).toEqual([200, first.text]);
    expect(again.headers["idempotency-replayed"]).toBe("true");
  });

  it("gives orders to workers", async () => {
    const order = { method: "POST", path: "/v1/workers/w1/cordon", body: { reason: "a test" } };
    expect((await api.call(order)).status).toBe(202);
    await eventually("it is cordoned", async () => {
      const { state, reason } = await api.json<{ state: string; reason: string }>(200, { path: "/v1/workers/w1" });
      return state === "cordoned" && reason === "a test";
    });
    expect((await api.call({ method: "POST", path: "/v1/workers/w1/uncordon" })).status).toBe(202);
    await eventually("it is ready", async () => {
      return (await api.json<{ state: string }>(200, { path: "/v1/workers/w1" })).state === "ready";
    });
  });
});
