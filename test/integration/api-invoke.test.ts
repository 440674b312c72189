/** Online requests through HTTP: how each outcome is answered, and what an Idempotency-Key is worth. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Attempt, Job } from "../../src/contract/job.ts";
import type { SlowRequest } from "../../src/contract/slow.ts";
import { ApiCaller, type Reply } from "../support/api-caller.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";

const TASKS = fileURLToPath(new URL("../support/api-tasks.mjs", import.meta.url));

describe("online requests", () => {
  let fleet: Fleet;
  let api: ApiCaller;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cairn-once-"));
    fleet = await Fleet.start({ workers: 1, settings: { CAIRN_TASKS: TASKS } });
    api = await ApiCaller.open(fleet.client.url);
  });
  afterAll(async () => {
    api.close();
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const invoke = (task: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> =>
    api.call({
      method: "POST",
      path: `/v1/tasks/${task}/invoke`,
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });
  const call = (task: string, body: object | number) => ({
    method: "POST",
    path: `/v1/tasks/${task}/invoke`,
    body: typeof body === "number" ? String(body) : body,
    headers: { "content-type": "application/json" },
  });
  const refused = async (task: string, body: unknown, headers: Record<string, string> = {}): Promise<object> =>
    JSON.parse((await invoke(task, body, headers)).text) as object;
  const linesOf = (file: string): number => readFileSync(file, "utf8").trim().split("\n").length;

  it("answers with the output, as the task wrote it, and tells where the time went", async () => {
    for (const input of [{ hello: "wörld" }, [1, 2.5, null], "text", 0, true, null, {}]) {
      const reply = await invoke("echo", input);
      expect(reply.status).toBe(200);
      expect(JSON.parse(reply.text)).toEqual(input);
      expect(reply.headers["server-timing"]).toMatch(/^queue;dur=[\d.]+, run;dur=[\d.]+, attempts;desc="\d+"$/);
    }
  });

  it("gives a request the id its caller chose, if that can stand in a log", async () => {
    expect((await invoke("echo", 1, { "x-request-id": "trace-7" })).headers["x-request-id"]).toBe("trace-7");
    expect((await invoke("echo", 1, { "x-request-id": "a b\tc" })).headers["x-request-id"]).not.toContain(" ");
  });

  it("takes the long way too: an encoded name is the same task", async () => {
    const reply = await api.call({
      method: "POST",
      path: "/v1/tasks/%65cho/invoke",
      body: { a: 1 },
    });
    expect(reply.status).toBe(200);
  });

  it("says what became of it when it was not answered", async () => {
    expect(await refused("fussy", { say: "no" })).toMatchObject({
      status: 422,
      code: "input_refused",
      detail: "not no",
    });
    const failed = await refused("fussy", { say: "fail" });
    expect(failed).toMatchObject({ status: 502, code: "task_failed" });
    expect((failed as { attempts: readonly unknown[] }).attempts.length).toBeGreaterThan(0);
    expect(await refused("fussy", { say: "lie" })).toMatchObject({ status: 502, code: "invalid_output" });
    const late = await refused("sleep", { ms: 5_000 }, { "request-timeout-ms": "200" });
    expect(late).toMatchObject({ status: 504, code: "deadline_exceeded" });
  });

  it("keeps a record of a failure, and tells in the answer where it is", async () => {
    const failed = await api.problem(call("fussy", { say: "fail" }));
    const { job, jobUrl, attempts } = failed as { job?: string; jobUrl?: string; attempts?: readonly object[] };
    expect(jobUrl).toBe(`${api.url}/v1/jobs/${job}`);
    expect(failed.headers["server-timing"]).toMatch(/^queue;dur=[\d.]+, run;dur=[\d.]+, attempts;desc="\d+"$/);
    expect(attempts).toMatchObject([{ number: 1, why: "first", outcome: "not_retryable", worker: "w1" }]);
    const record = await api.json<Job>(200, { path: `/v1/jobs/${job}` });
    expect(record).toMatchObject({ class: "online", state: "failed", reason: "task_failed", input: { say: "fail" } });
    expect(record.error).toMatchObject({ code: "task_failed", detail: failed.detail });
    const { items } = await api.json<{ items: readonly Attempt[] }>(200, { path: `/v1/jobs/${job}/attempts` });
    expect(items).toMatchObject([
      { number: 1, outcome: "failed", reason: "not_retryable", worker: "w1", why: "first" },
    ]);
  });

  it("shows the slowest requests with what was tried for them, whatever process they came in", async () => {
    await api.call(call("sleep", { ms: 30 }));
    await api.call(call("sleep", { ms: 400 }));
    const { items } = await api.json<{ items: readonly SlowRequest[] }>(200, { path: "/v1/tasks/sleep/slow" });
    for (const { runMs } of items) expect(runMs).toBeGreaterThan(25); // A timer of Node.js may come a millisecond early.
    expect(items[0]?.runMs).toBeGreaterThanOrEqual(390);
    expect(items[0]?.attempts).toMatchObject([{ number: 1, why: "first", worker: "w1", outcome: "ok" }]);
    expect([...items].sort((a, b) => b.tookMs - a.tookMs)).toEqual(items);
    expect(await api.problem({ path: "/v1/tasks/nobody/slow" })).toMatchObject({ status: 404, code: "unknown_task" });
  });

  it("says where the time went in every answer, also when nothing was tried", async () => {
    for (const refusal of [
      call("nobody", 1),
      call("fussy", { wrong: 1 }),
      { ...call("fussy", { say: "" }), body: "{" },
      { ...call("fussy", { say: "" }), headers: { "idempotency-key": "" } },
    ]) {
      const { headers } = await api.problem({
        ...refusal,
        headers: { "content-type": "application/json", ...refusal.headers },
      });
      expect(headers["server-timing"]).toBe('queue;dur=0.00, run;dur=0.00, attempts;desc="0"');
    }
  });

  it("carries a valid traceparent to the handler, as a child of it, and passes over any other", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const traced = async (header: string): Promise<string | null> => {
      const reply = await api.call({ ...call("traced", {}), headers: { traceparent: header } });
      return (JSON.parse(reply.text) as { traceparent: string | null }).traceparent;
    };
    const seen = await traced(traceparent);
    expect(seen).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    expect(seen).not.toBe(traceparent);
    expect(await traced(traceparent.replace("4bf9", "4BF9"))).toBeNull();
    const kept = { ...call("traced", {}), headers: { traceparent, "idempotency-key": "traced" } };
    expect((await api.call(kept)).text).toContain("4bf92f3577b34da6a3ce929d0e0e4736");
  });

  it("gives a repeat with the same key the first one's answer, and runs it once", async () => {
    const file = join(folder, "repeat");
    const headers = { "idempotency-key": '"pay 7"' };
    const first = await invoke("once", { file }, headers);
    const again = await invoke("once", { file }, headers);
    expect(first.headers["idempotency-replayed"]).toBeUndefined();
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(again.text).toBe(first.text);
    expect(linesOf(file)).toBe(1);
    expect(await refused("once", { file, ms: 1 }, headers)).toMatchObject({
      status: 422,
      code: "idempotency_key_reused",
    });
    expect(linesOf(file)).toBe(1);
  });

  it("runs one of several equal requests at the same time, and answers them all with it", async () => {
    const file = join(folder, "together");
    const headers = { "idempotency-key": "together" };
    const replies = await Promise.all(Array.from({ length: 8 }, () => invoke("once", { file, ms: 300 }, headers)));
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(linesOf(file)).toBe(1);
  });

  it("goes on with a keyed request whose caller has left: the repeat gets the answer", async () => {
    const file = join(folder, "left");
    const headers = { "idempotency-key": "left", "content-type": "application/json" };
    await new Promise<void>((resolve) => {
      const outgoing = httpRequest(`${api.url}/v1/tasks/once/invoke`, { method: "POST", headers });
      outgoing.on("error", () => resolve());
      outgoing.end(JSON.stringify({ file, ms: 600 }));
      void eventually("the task began", () => {
        try {
          return linesOf(file) === 1;
        } catch {
          return false;
        }
      }).then(() => outgoing.destroy());
    });
    const again = await invoke("once", { file, ms: 600 }, headers);
    expect(again.status).toBe(200);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(linesOf(file)).toBe(1);
  });

  it("keeps a task's refusal for the repeat, and lets what may run twice run again after a failure", async () => {
    const no = { "idempotency-key": "no" };
    await invoke("fussy", { say: "no" }, no);
    expect((await invoke("fussy", { say: "no" }, no)).headers["idempotency-replayed"]).toBe("true");
    const fail = { "idempotency-key": "fail" };
    await invoke("fussy", { say: "fail" }, fail);
    expect((await invoke("fussy", { say: "fail" }, fail)).headers["idempotency-replayed"]).toBeUndefined();
  });

  it("says so when no worker that has the task is left", async () => {
    await fleet.signal("w1", "SIGKILL");
    await eventually(
      "the API knows",
      async () => (await invoke("echo", 1, { "request-timeout-ms": "500" })).status === 503,
    );
    const reply = await invoke("echo", 1);
    expect(JSON.parse(reply.text)).toMatchObject({ status: 503, code: "no_worker" });
    expect(reply.headers["retry-after"]).toMatch(/^\d+$/);
  });
});
