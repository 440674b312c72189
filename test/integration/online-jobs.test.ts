/** Online requests that are jobs: asynchronous ones, ones with a key, ones that outlive their wait. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Attempt, Job } from "../../src/contract/job.ts";
import { ApiCaller, type Reply } from "../support/api-caller.ts";
import { Fleet } from "../support/fleet.ts";

const submit = (body: object, headers: Record<string, string> = {}) => ({
  method: "POST",
  path: "/v1/jobs",
  body,
  headers,
});
const invoke = (task: string, body: object, headers: Record<string, string> = {}) => ({
  method: "POST",
  path: `/v1/tasks/${task}/invoke`,
  body,
  headers,
});
const jobOf = (reply: Reply): Job => JSON.parse(reply.text) as Job;

describe("online jobs", () => {
  let fleet: Fleet;
  let api: ApiCaller;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cairn-once-"));
    fleet = await Fleet.start({ workers: 2 });
    api = await ApiCaller.open(fleet.client.url);
  });
  afterAll(async () => {
    api.close();
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("an online task can be submitted, and has the record of a job", async () => {
    const reply = await api.call(submit({ task: "echo", input: { a: 1 }, labels: { run: "7" } }));
    expect(reply.status).toBe(202);
    const { id } = jobOf(reply);
    expect(reply.headers.location).toMatch(new RegExp(`/v1/jobs/${id}$`));
    const job = await fleet.job(id, "succeeds", ({ state }) => state === "succeeded");
    expect(job).toMatchObject({ class: "online", input: { a: 1 }, output: { a: 1 }, attempts: 1, error: null });
    const list = await api.json<{ items: readonly Job[] }>(200, { path: "/v1/jobs?class=online&label=run:7" });
    expect(list.items.map((item) => item.id)).toEqual([id]);
    const { items } = await api.json<{ items: readonly Attempt[] }>(200, { path: `/v1/jobs/${id}/attempts` });
    expect(items).toMatchObject([{ number: 1, why: "first", outcome: "succeeded", worker: job.worker }]);
    const events = (await api.call({ path: `/v1/jobs/${id}/events` })).text;
    for (const type of ["submitted", "leased", "succeeded"]) expect(events).toContain(`"type":"${type}"`);
  });

  it("Prefer: wait at a submission brings the end, and a time to come brings it then", async () => {
    const soon = new Date(Date.now() + 400).toISOString();
    const job = await api.json<Job>(200, submit({ task: "echo", input: 7, runAt: soon }, { prefer: "wait=20" }));
    expect(job).toMatchObject({ state: "succeeded", output: 7 });
    expect(Date.parse(job.startedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(soon));
  });

  it("Prefer: respond-async gives the job at once, and the answer if it comes within the wait", async () => {
    const reply = await api.call(invoke("sleep", { ms: 300 }, { prefer: "respond-async" }));
    expect([reply.status, reply.headers["preference-applied"]]).toEqual([202, "respond-async"]);
    await fleet.job(jobOf(reply).id, "succeeds", ({ state }) => state === "succeeded");
    const quick = await api.call(invoke("echo", { b: 2 }, { prefer: "respond-async, wait=20" }));
    expect([quick.status, JSON.parse(quick.text)]).toEqual([200, { b: 2 }]);
  });

  it("a request that outlives its wait becomes a job and goes on; one that does not leaves none", async () => {
    const reply = await api.call(invoke("once", { file: join(folder, "outlives"), ms: 1_500 }, { prefer: "wait=1" }));
    expect([reply.status, reply.headers["preference-applied"]]).toEqual([202, "wait=1"]);
    const { id } = jobOf(reply);
    const job = await fleet.job(id, "succeeds", ({ state }) => state === "succeeded");
    expect(job.output).toMatchObject({ job: id, attempt: 1 });
    expect(readFileSync(join(folder, "outlives"), "utf8").trim().split("\n")).toHaveLength(1);
    const before = await api.json<{ items: readonly Job[] }>(200, { path: "/v1/jobs?limit=1" });
    expect((await api.call(invoke("echo", { c: 3 }, { prefer: "wait=10" }))).status).toBe(200);
    expect((await api.json<{ items: readonly Job[] }>(200, { path: "/v1/jobs?limit=1" })).items).toEqual(before.items);
  });

  it("a repeat with the same key attaches to the first at whatever process it comes in", async () => {
    const second = await fleet.addApi();
    const other = await ApiCaller.open(second.url);
    const file = join(folder, "attach");
    const call = invoke("once", { file, ms: 700 }, { "idempotency-key": "attach" });
    const replies = await Promise.all([api.call(call), other.call(call), other.call(call)]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(replies.filter(({ headers }) => headers["idempotency-replayed"] === "true")).toHaveLength(2);
    expect(readFileSync(file, "utf8").trim().split("\n")).toHaveLength(1);
    const patient = invoke("once", { file, ms: 700 }, { "idempotency-key": "attach", prefer: "respond-async" });
    expect((await other.call(patient)).status).toBe(200);
    other.close();
  });

  it("can be cancelled while it runs, and refuses what has no meaning for it", async () => {
    const { id } = jobOf(await api.call(submit({ task: "sleep", input: { ms: 8_000 } })));
    await fleet.job(id, "runs", ({ state }) => state === "running");
    for (const verb of ["checkpoint", "migrate", "stop"]) {
      const refused = await api.problem({ method: "POST", path: `/v1/jobs/${id}/${verb}` });
      expect(refused).toMatchObject({ status: 409, code: "illegal_transition" });
      expect(refused.detail).toContain("it takes cancel");
    }
    const job = await api.json<Job>(200, { method: "POST", path: `/v1/jobs/${id}/cancel?wait=10` });
    expect(job).toMatchObject({ state: "cancelled", reason: "cancelled_by_request" });
    await api.json(202, { method: "POST", path: `/v1/jobs/${id}/retry` });
    await fleet.job(id, "runs again", ({ state }) => state === "running");
    await api.json(200, { method: "POST", path: `/v1/jobs/${id}/cancel?wait=10` });
  });

  it("expires at its deadline, and says what was tried", async () => {
    const { id } = jobOf(await api.call(submit({ task: "sleep", input: { ms: 5_000 }, deadlineMs: 400 })));
    const job = await fleet.job(id, "expires", ({ state }) => state === "expired");
    expect(job).toMatchObject({ reason: "deadline_passed", error: { code: "deadline_exceeded" } });
    expect(job.attempts).toBeGreaterThan(0);
    expect(job.staleWritesRefused).toBe(0);
  });
});
