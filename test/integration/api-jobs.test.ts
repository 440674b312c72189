/** Jobs through the REST API: submit, wait, look, list, control, change, delete, and what belongs to a job. */
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Artifact, Attempt, Checkpoint, Job } from "../../src/contract/job.ts";
import { ApiCaller } from "../support/api-caller.ts";
import { countDigest, Fleet } from "../support/fleet.ts";

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}
const TASKS = fileURLToPath(new URL("../support/batch-tasks.mjs", import.meta.url));
const short = { task: "count", input: { steps: 3 } };
const long = { task: "count", input: { steps: 5_000, stepMs: 20 } };

describe("jobs", () => {
  let fleet: Fleet;
  let api: ApiCaller;

  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 1, settings: { CAIRN_TASKS: TASKS, CAIRN_BATCH_SLOTS: "4" } });
    api = await ApiCaller.open(fleet.client.url);
  });
  afterAll(async () => {
    api.close();
    await fleet.stop();
  });

  const submit = async (body: object, headers: Record<string, string> = {}): Promise<Job> =>
    JSON.parse((await api.call({ method: "POST", path: "/v1/jobs", body, headers })).text) as Job;
  const get = async (id: string): Promise<Job> => api.json<Job>(200, { path: `/v1/jobs/${id}` });
  const finish = async (body: object): Promise<Job> => {
    const job = await submit(body, { prefer: "wait=25" });
    expect(job.state).toBe("succeeded");
    return job;
  };
  const order = (id: string, verb: string, query = "", body?: object): ReturnType<ApiCaller["call"]> =>
    api.call({ method: "POST", path: `/v1/jobs/${id}/${verb}${query}`, ...(body === undefined ? {} : { body }) });

  it("accepts a job with 202, says where it is, and shows it there", async () => {
    const reply = await api.call({ method: "POST", path: "/v1/jobs", body: short });
    expect(reply.status).toBe(202);
    const job = JSON.parse(reply.text) as Job;
    expect(reply.headers.location).toBe(`${api.url}/v1/jobs/${job.id}`);
    expect(reply.headers["retry-after"]).toMatch(/^\d+$/);
    expect(job).toMatchObject({
      task: "count",
      class: "batch",
      input: { steps: 3 },
      output: null,
      priority: 0,
      pool: "default",
    });
    const waited = await api.call({ path: `/v1/jobs/${job.id}`, headers: { prefer: "wait=25" } });
    expect(waited.headers["preference-applied"]).toBe("wait=25");
    expect(JSON.parse(waited.text)).toMatchObject({ state: "succeeded", output: { steps: 3, digest: countDigest(3) } });
  });

  it("waits for the end when asked to, no longer than asked, and says what it followed", async () => {
    const ended = await api.call({
      method: "POST",
      path: "/v1/jobs",
      body: short,
      headers: { prefer: "wait=25, respond-async" },
    });
    expect(ended.status).toBe(200);
    expect(ended.headers["preference-applied"]).toBe("respond-async, wait=25");
    expect(ended.headers.vary).toBe("Prefer");
    const open = await api.call({ method: "POST", path: "/v1/jobs", body: long, headers: { prefer: "wait=1" } });
    expect(open.status).toBe(202);
    const id = (JSON.parse(open.text) as Job).id;
    expect((await order(id, "cancel", "?wait=20")).status).toBe(200);
    const plain = await api.call({
      method: "POST",
      path: "/v1/jobs",
      body: short,
      headers: { prefer: "return=minimal" },
    });
    expect(plain.status).toBe(202);
    expect(plain.headers["preference-applied"]).toBeUndefined();
  });

  it("answers 304 while a job is as the caller knows it", async () => {
    const { id } = await finish(short);
    const first = await api.call({ path: `/v1/jobs/${id}` });
    const etag = String(first.headers.etag);
    expect((await api.call({ path: `/v1/jobs/${id}`, headers: { "if-none-match": `"x", W/${etag}` } })).status).toBe(
      304,
    );
    await api.json(200, { method: "PATCH", path: `/v1/jobs/${id}`, body: { labels: { seen: "yes" } } });
    expect((await api.call({ path: `/v1/jobs/${id}`, headers: { "if-none-match": etag } })).status).toBe(200);
    expect((await api.call({ method: "HEAD", path: `/v1/jobs/${id}` })).text).toBe("");
  });

  it("gives the same job to a repeat with the same key, whatever the order of the body's members", async () => {
    const key = { "idempotency-key": '"nightly 2026-11-23"' };
    const body = { ...short, labels: { a: "1", b: "2" } };
    const first = await api.call({ method: "POST", path: "/v1/jobs", body, headers: key });
    const again = await api.call({
      method: "POST",
      path: "/v1/jobs",
      body: { labels: { b: "2", a: "1" }, input: { steps: 3 }, task: "count" },
      headers: { "idempotency-key": "nightly 2026-11-23" },
    });
    expect(first.headers["idempotency-replayed"]).toBeUndefined();
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect((JSON.parse(again.text) as Job).id).toBe((JSON.parse(first.text) as Job).id);
    const other = await api.problem({
      method: "POST",
      path: "/v1/jobs",
      body: { ...short, priority: 1 },
      headers: key,
    });
    expect(other).toMatchObject({ status: 422, code: "idempotency_key_reused" });
  });

  it("makes one job of many equal requests at the same time", async () => {
    const headers = { "idempotency-key": "all at once" };
    // What is refused because Redis did not answer in time is asked again under the same key.
    const submitted = async (): Promise<Job> => {
      const reply = await api.call({ method: "POST", path: "/v1/jobs", body: short, headers });
      if (reply.status === 503) return await submitted();
      expect(reply).toMatchObject({ status: 202 });
      return JSON.parse(reply.text) as Job;
    };
    const jobs = await Promise.all(Array.from({ length: 12 }, submitted));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
  });

  it("lists by every filter, page after page, newest first, each job once", async () => {
    const made: string[] = [];
    for (const n of [1, 2, 3, 4, 5]) {
      made.unshift((await finish({ ...short, labels: { list: "yes", parity: n % 2 === 0 ? "even" : "odd" } })).id);
    }
    const all: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query = `limit=2&label=list:yes${cursor === "" ? "" : `&cursor=${cursor}`}`;
      const page: Page<Job> = await api.json<Page<Job>>(200, { path: `/v1/jobs?${query}` });
      all.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(all).toEqual(made);
    const ids = async (query: string): Promise<string[]> =>
      (await api.json<Page<Job>>(200, { path: `/v1/jobs?label=list:yes&${query}` })).items.map(({ id }) => id);
    expect(await ids("label=parity:even")).toEqual([made[1], made[3]]);
    expect(await ids("state=succeeded&state=failed&task=count&class=batch&worker=w1")).toEqual(made);
    expect(await ids("state=failed")).toEqual([]);
    expect(await ids("class=online")).toEqual([]);
    const { caller } = await api.json<Job>(200, { path: `/v1/jobs/${made[0] ?? ""}` });
    expect(await ids(`caller=${caller ?? ""}`)).toEqual(made);
    expect(await ids("caller=somebody-else")).toEqual([]);
    expect((await api.problem({ path: "/v1/jobs?caller=a%20b" })).code).toBe("invalid_request");
  });

  it("stops a running job at a checkpoint, resumes it, and tells its attempts and checkpoints", async () => {
    const { id } = await submit(long);
    await fleet.job(id, "runs", ({ state, progress }) => state === "running" && (progress?.completed ?? 0) > 0);
    expect((await order(id, "checkpoint", "?wait=20")).status).toBe(200);
    const stopped = await order(id, "stop", "?wait=20");
    expect(stopped.status).toBe(200);
    expect(JSON.parse(stopped.text)).toMatchObject({ state: "stopped", worker: null });
    expect((await order(id, "stop")).status).toBe(200); // It stands already.
    const illegal = await api.problem({ method: "POST", path: `/v1/jobs/${id}/checkpoint` });
    expect(illegal).toMatchObject({ status: 409, code: "illegal_transition", state: "stopped" });
    expect((await order(id, "resume")).status).toBe(202);
    await fleet.job(id, "runs again", ({ state }) => state === "running");
    const cancelled = await order(id, "cancel", "?wait=20");
    expect(JSON.parse(cancelled.text)).toMatchObject({ state: "cancelled", reason: "cancelled_by_request" });
    const attempts = await api.json<Page<Attempt>>(200, { path: `/v1/jobs/${id}/attempts` });
    expect(attempts.items.map(({ number, outcome }) => [number, outcome])).toEqual([
      [2, "interrupted"],
      [1, "interrupted"],
    ]);
    expect(attempts.items[0]?.fromCheckpoint).toBe(attempts.items[1]?.lastCheckpoint);
    const first = await api.json<Page<Attempt>>(200, { path: `/v1/jobs/${id}/attempts?limit=1` });
    const second = await api.json<Page<Attempt>>(200, {
      path: `/v1/jobs/${id}/attempts?limit=1&cursor=${first.nextCursor ?? ""}`,
    });
    expect([first, second].map(({ items }) => items[0]?.number)).toEqual([2, 1]);
    expect(second.nextCursor).toBeNull();
    const checkpoints = await api.json<Page<Checkpoint>>(200, { path: `/v1/jobs/${id}/checkpoints` });
    expect(checkpoints.items.length).toBeGreaterThan(0);
    expect(checkpoints.items[0]?.seq).toBe((await get(id)).checkpoint?.seq);
  });

  it("runs a final job again, from where it is told, and from no checkpoint that is not kept", async () => {
    const { id } = await finish(short);
    expect(await api.problem({ method: "POST", path: `/v1/jobs/${id}/retry`, body: { from: 99 } })).toMatchObject({
      status: 404,
      code: "unknown_checkpoint",
    });
    expect(await api.problem({ method: "POST", path: `/v1/jobs/${id}/retry`, body: { form: "start" } })).toMatchObject({
      status: 400,
      code: "invalid_request",
    });
    expect((await order(id, "retry", "", { from: "start" })).status).toBe(202);
    const again = await fleet.job(id, "ends again", ({ state, attempts }) => state === "succeeded" && attempts === 2);
    expect(again.output).toEqual({ steps: 3, digest: countDigest(3) });
  });

  it("changes priority and labels, deletes what is final, and nothing else", async () => {
    const { id } = await submit({ ...short, runAt: "2099-01-01T00:00:00Z" });
    expect((await get(id)).state).toBe("scheduled");
    const changed = await api.json<Job>(200, {
      method: "PATCH",
      path: `/v1/jobs/${id}`,
      body: { priority: -3, labels: { a: "b" } },
    });
    expect(changed).toMatchObject({ priority: -3, labels: { a: "b" } });
    expect(await api.problem({ method: "PATCH", path: `/v1/jobs/${id}`, body: {} })).toMatchObject({ status: 400 });
    expect(await api.problem({ method: "PATCH", path: `/v1/jobs/${id}`, body: { state: "succeeded" } })).toMatchObject({
      code: "invalid_request",
      errors: [{ pointer: "/state" }],
    });
    expect(await api.problem({ method: "DELETE", path: `/v1/jobs/${id}` })).toMatchObject({
      status: 409,
      code: "not_final",
    });
    expect((await order(id, "cancel", "?wait=5")).status).toBe(200);
    expect((await api.call({ method: "DELETE", path: `/v1/jobs/${id}` })).status).toBe(204);
    expect(await api.problem({ path: `/v1/jobs/${id}` })).toMatchObject({ status: 404, code: "unknown_job" });
    expect(await api.problem({ method: "DELETE", path: `/v1/jobs/${id}` })).toMatchObject({ status: 404 });
  });

  it("gives artifacts as files to be saved, and the log as it was printed", async () => {
    const { id } = await finish({ task: "talkative", input: { steps: 3 } });
    const { items } = await api.json<Page<Artifact>>(200, { path: `/v1/jobs/${id}/artifacts` });
    expect(items.map(({ name, bytes }) => [name, bytes])).toEqual([
      ["last.bin", 3],
      ["steps.txt", 1],
    ]);
    const file = await api.call({ path: `/v1/jobs/${id}/artifacts/steps.txt` });
    expect(file.text).toBe("3");
    expect(file.headers["content-disposition"]).toBe('attachment; filename="steps.txt"');
    expect(file.headers["x-content-type-options"]).toBe("nosniff");
    expect(file.headers["content-type"]).toBe("application/octet-stream");
    const again = await api.call({
      path: `/v1/jobs/${id}/artifacts/steps.txt`,
      headers: { "if-none-match": String(file.headers.etag) },
    });
    expect(again.status).toBe(304);
    expect(
      (await api.call({ method: "HEAD", path: `/v1/jobs/${id}/artifacts/steps.txt` })).headers["content-length"],
    ).toBe("1");
    expect(await api.problem({ path: `/v1/jobs/${id}/artifacts/..%2f..%2fetc` })).toMatchObject({
      code: "unknown_artifact",
    });

    const log = await api.call({ path: `/v1/jobs/${id}/logs` });
    expect(log.headers["content-type"]).toBe("text/plain; charset=utf-8");
    for (const line of ["step 1 to stdout", "step 3 to stderr"]) expect(log.text).toContain(line);
    const tail = await api.call({ path: `/v1/jobs/${id}/logs?attempt=1&offset=${Buffer.byteLength(log.text) - 5}` });
    expect(tail.text).toBe(log.text.slice(-5));
    expect((await api.call({ path: `/v1/jobs/${id}/logs?attempt=7` })).text).toBe("");
  });

  it("follows a log until the job has ended", async () => {
    const { id } = await submit({ task: "talkative", input: { steps: 300 } });
    const log = await api.call({ path: `/v1/jobs/${id}/logs?follow` });
    expect(log.text).toContain("step 1 to stdout");
    expect(log.text).toContain("step 300 to stdout");
    expect((await get(id)).state).toBe("succeeded");
  });

  it("answers an order at once, and a wait ends when its caller leaves", async () => {
    const { id } = await submit({ ...short, runAt: "2099-01-01T00:00:00Z" });
    const leaving = new AbortController();
    const waiting = fetch(`${api.url}/v1/jobs/${id}`, { headers: { prefer: "wait=25" }, signal: leaving.signal });
    await delay(200);
    leaving.abort();
    await expect(waiting).rejects.toThrow();
    await expect
      .poll(async () => (await api.call({ path: "/metrics" })).text, { timeout: 60_000 })
      .toContain("cairn_waits 0");
  });
});
