import { afterEach, describe, expect, it } from "vitest";
import { problem } from "../../src/contract/problem.ts";
import { CairnClient } from "../../src/client/client.ts";
import { CairnProblem, CairnTimeout, CairnUnreachable } from "../../src/client/fault.ts";
import { parseRetryAfter, pauseBeforeRetry } from "../../src/client/retry.ts";
import { sampleJob } from "../support/sample-job.ts";
import {
  events,
  hangUp,
  json,
  refusal,
  startScriptedServer,
  type Answer,
  type ScriptedServer,
} from "../support/scripted-server.ts";

const servers: ScriptedServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => await server.stop()));
});

async function serve(...script: Answer[]): Promise<ScriptedServer & { readonly client: CairnClient }> {
  const server = await startScriptedServer(script);
  servers.push(server);
  return { ...server, client: new CairnClient({ url: server.url, patienceMs: 5_000 }) };
}

const away = refusal(problem("redis_unavailable", "Redis is away"), { "retry-after": "0" });
const event = (id: string, state: string): { id: string; data: unknown } => ({
  id,
  data: { id, job: "j", at: "2026-01-02T03:04:05.000Z", type: state, state, reason: null, data: {} },
});

describe("a call that is refused", () => {
  it("throws the problem as the server sent it, with the pause it asks for", async () => {
    const { client } = await serve(refusal(problem("unknown_task", 'no task "x"'), { "retry-after": "7" }));
    const error = await client.invoke("x", {}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CairnProblem);
    expect(error).toMatchObject({ code: "unknown_task", status: 404, retryAfterMs: 7_000 });
    expect((error as CairnProblem).problem.hint).toContain("/v1/tasks");
  });

  it("says that it was not Cairn when the answer is not a problem document", async () => {
    const { client } = await serve((response) => response.writeHead(404, { "content-type": "text/html" }).end("<h1>"));
    await expect(client.job("j")).rejects.toThrow(CairnUnreachable);
    await expect(client.job("j")).rejects.toThrow(/404, but not as Cairn does/);
  });

  it("says that it was not Cairn when a good answer is not JSON", async () => {
    const { client } = await serve((response) => response.end("hello"));
    await expect(client.job("j")).rejects.toThrow(/not JSON/);
  });
});

describe("a call that may run twice", () => {
  it("is sent again after a passing refusal and after a lost answer", async () => {
    const server = await serve(away, hangUp, json(sampleJob()));
    expect((await server.client.job("j")).task).toBe("count");
    expect(server.seen).toHaveLength(3);
  });

  it("is given up after a bounded number of tries, with the last reason", async () => {
    const server = await serve(away);
    await expect(server.client.job("j")).rejects.toMatchObject({ code: "redis_unavailable" });
    expect(server.seen).toHaveLength(4);
  });

  it("may share one signal with any number of others: Node.js warns of no leak", async () => {
    const { client } = await serve(away);
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on("warning", onWarning);
    const { signal } = new AbortController();
    const calls = Array.from({ length: 20 }, () => client.job("j", { signal }).catch((error: unknown) => error));
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "redis_unavailable" });
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  it("makes one job of a submission whose answer was lost: every try carries the same key", async () => {
    const server = await serve(hangUp, json(sampleJob(), { status: 200, headers: { "idempotency-replayed": "true" } }));
    const { job, replayed } = await server.client.submit({ task: "count", input: {} });
    expect(job.id).toBe(sampleJob().id);
    expect(replayed).toBe(true);
    const keys = server.seen.map((request) => request.headers["idempotency-key"]);
    expect(keys).toHaveLength(2);
    expect(keys[0]).toMatch(/^"[0-9a-f-]{36}"$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it("is not waited for when the server asks for more time than the caller has", async () => {
    const server = await serve(refusal(problem("redis_unavailable", "away"), { "retry-after": "3600" }));
    await expect(server.client.job("j")).rejects.toMatchObject({ code: "redis_unavailable" });
    expect(server.seen).toHaveLength(1);
  });
});

describe("a call that may not run twice", () => {
  it("is not sent again: an online request without a key", async () => {
    const server = await serve(hangUp, json({}));
    await expect(server.client.invoke("once", {})).rejects.toThrow(CairnUnreachable);
    expect(server.seen).toHaveLength(1);
  });

  it("is not sent again: a control verb", async () => {
    const server = await serve(away, json({}));
    await expect(server.client.stop("j")).rejects.toMatchObject({ code: "redis_unavailable" });
    expect(server.seen).toHaveLength(1);
  });

  it("is sent again when the caller names it with a key", async () => {
    const server = await serve(away, json({ hello: 1 }));
    expect(await server.client.invoke("once", {}, { idempotencyKey: 'a "b"' })).toEqual({ hello: 1 });
    expect(server.seen.map((request) => request.headers["idempotency-key"])).toEqual([
      String.raw`"a \"b\""`,
      String.raw`"a \"b\""`,
    ]);
  });
});

describe("a deadline", () => {
  it("travels as what remains of it, and ends the call when nobody answers", async () => {
    const server = await serve(() => undefined);
    await expect(server.client.invoke("echo", {}, { timeoutMs: 50 })).rejects.toThrow(CairnTimeout);
    const told = Number(server.seen[0]?.headers["request-timeout-ms"]);
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThanOrEqual(50);
  });

  it("of the caller's own signal ends the call with the signal's reason", async () => {
    const { client } = await serve(() => undefined);
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const call = client.invoke("echo", {}, { signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });
});

describe("nobody there", () => {
  it("is said with the address and the reason", async () => {
    const server = await startScriptedServer([]);
    await server.stop();
    const { url } = server;
    await expect(new CairnClient({ url, maxTries: 1 }).job("j")).rejects.toThrow(
      new RegExp(`^${url} does not answer: .*ECONNREFUSED`),
    );
  });

  it("is refused at once when the address is none", () => {
    expect(() => new CairnClient({ url: "ftp://x" })).toThrow(/not an http/);
  });
});

describe("a list", () => {
  it("is fetched page by page with its filters, and no further than it is read", async () => {
    const [a, b, c] = ["a", "b", "c"].map((task) => sampleJob({ task }));
    const server = await serve(json({ items: [a, b], nextCursor: "n+1" }), json({ items: [c], nextCursor: null }));
    const filter = { state: ["queued", "running"], labels: { team: "x" }, task: "a" } as const;
    const seen: string[] = [];
    for await (const job of server.client.jobs(filter)) seen.push(job.task);
    expect(seen).toEqual(["a", "b", "c"]);
    expect(server.seen.map(({ path }) => path)).toEqual([
      "/v1/jobs?state=queued&state=running&task=a&label=team%3Ax",
      "/v1/jobs?state=queued&state=running&task=a&label=team%3Ax&cursor=n%2B1",
    ]);
    const other = await serve(json({ items: [a, b], nextCursor: "n" }));
    for await (const job of other.client.jobs()) if (job.task === "a") break;
    expect(other.seen).toHaveLength(1);
  });
});

describe("events", () => {
  it("go on after a cut from the last one seen, and end with the job", async () => {
    const server = await serve(
      events([event("1-0", "queued"), event("2-0", "running")], "cut"),
      away,
      events([event("3-0", "succeeded")]),
    );
    const states: string[] = [];
    for await (const { state } of server.client.events("j")) states.push(state);
    expect(states).toEqual(["queued", "running", "succeeded"]);
    expect(server.seen.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "2-0", "2-0"]);
  });

  it("end when the server says that there is nothing more", async () => {
    const { client } = await serve((response) => response.writeHead(204).end());
    const iterator = client.events("j", { lastEventId: "9-0" });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("of an unknown job are a problem at once", async () => {
    const server = await serve(refusal(problem("unknown_job", "no job j")));
    await expect(server.client.events("j").next()).rejects.toMatchObject({ code: "unknown_job" });
    expect(server.seen).toHaveLength(1);
  });

  it("close their connection when the reader leaves", async () => {
    let closed = false;
    const server = await serve((response) => {
      response.on("close", () => (closed = true));
      events([event("1-0", "queued")], "stay")(response, { method: "", path: "", headers: {}, body: "" });
    });
    for await (const { state } of server.client.events("j")) if (state === "queued") break;
    await expect.poll(() => closed).toBe(true);
  });
});

describe("a followed log", () => {
  const text =
    (content: string, end: "end" | "cut"): Answer =>
    (response) => {
      response.writeHead(200, { "content-type": "text/plain" });
      response.write(content, () => (end === "end" ? response.end() : setImmediate(() => response.socket?.destroy())));
    };

  it("goes on after a cut at the byte where it was, and over to the next attempt", async () => {
    const logs = [text("one\n", "cut"), text("two\n", "end"), text("", "end"), text("three\n", "end"), text("", "end")];
    const jobs = [
      sampleJob({ state: "running", reason: null, attempts: 1 }),
      sampleJob({ state: "running", reason: null, attempts: 2 }),
      sampleJob({ state: "running", reason: null, attempts: 2 }),
      sampleJob({ state: "succeeded", reason: null, attempts: 2 }),
    ];
    const asked: string[] = [];
    const { client } = await serve((response, request) => {
      const at = request.path.indexOf("?");
      if (at < 0) {
        json(jobs.length > 1 ? jobs.shift() : jobs[0])(response, request);
        return;
      }
      asked.push(request.path.slice(at + 1));
      return logs.shift()?.(response, request);
    });
    const parts: string[] = [];
    for await (const chunk of client.logs("j", { follow: true })) parts.push(Buffer.from(chunk).toString());
    expect(parts.join("")).toBe("one\ntwo\nthree\n");
    expect(asked).toEqual([
      "attempt=1&offset=0&follow=true",
      "attempt=1&offset=4&follow=true",
      "attempt=1&offset=8&follow=false",
      "attempt=2&offset=0&follow=true",
      "attempt=2&offset=6&follow=false",
    ]);
  });
});

describe("waiting for a job", () => {
  const path =
    (answer: Answer, stream: Answer): Answer =>
    (response, request) =>
      (request.path.endsWith("/events") ? stream : answer)(response, request);

  it("ends with the job in its final state, over an API that was away", async () => {
    const states = ["queued", "running", "succeeded"] as const;
    let looks = 0;
    const { client } = await serve(
      path((response, request) => {
        const state = states[looks++];
        if (looks === 2) hangUp(response, request);
        else json(sampleJob({ state: state ?? "succeeded", reason: null }))(response, request);
      }, away),
    );
    const seen: string[] = [];
    const job = await client.wait("j", { onUpdate: ({ state }) => seen.push(state) });
    expect(job.state).toBe("succeeded");
    expect(seen).toEqual(["queued", "succeeded"]);
  });

  it("ends with CairnTimeout and the job as it was last seen when the time is over", async () => {
    const { client } = await serve(path(json(sampleJob({ state: "running" })), away));
    const error = await client.wait("j", { timeoutMs: 1_000 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CairnTimeout);
    expect((error as CairnTimeout).job?.state).toBe("running");
  });

  it("of a submission asks the server to hold the answer back, and needs no second call if it ends", async () => {
    const server = await serve(json(sampleJob({ state: "succeeded", reason: null, output: 1 })));
    const job = await server.client.submitAndWait({ task: "count", input: {} });
    expect(job.output).toBe(1);
    expect(server.seen).toHaveLength(1);
    expect(server.seen[0]?.headers["prefer"]).toMatch(/^wait=\d+$/);
  });
});

describe("the pause before a repeat", () => {
  const question = {
    miss: { kind: "status", status: 503, retryAfterMs: null },
    method: "GET",
    repeatability: "safe",
    tries: 1,
    maxTries: 4,
    remainingMs: 60_000,
    random: 0.5,
  } as const;

  it("doubles, is spread, and stays bounded", () => {
    const pauses = [1, 2, 3, 9].map((tries) => pauseBeforeRetry({ ...question, tries, maxTries: 10 }));
    expect(pauses).toEqual([100, 200, 400, 2_000]);
    expect(pauseBeforeRetry({ ...question, random: 0 })).toBe(50);
  });

  it("is at least what the server asks for", () => {
    expect(pauseBeforeRetry({ ...question, miss: { kind: "status", status: 503, retryAfterMs: 5_000 } })).toBe(5_000);
  });

  it("is none for what will not pass: a proxy's 502 to a write, a 404, a 500", () => {
    const status = (code: number, method: string): number | null =>
      pauseBeforeRetry({ ...question, method, miss: { kind: "status", status: code, retryAfterMs: null } });
    expect([status(502, "POST"), status(404, "GET"), status(500, "GET")]).toEqual([null, null, null]);
    expect(status(502, "GET")).not.toBeNull();
  });

  it("reads Retry-After in seconds and as a date", () => {
    const now = Date.parse("2026-01-02T03:04:05Z");
    expect(parseRetryAfter("2", now)).toBe(2_000);
    expect(parseRetryAfter("Fri, 02 Jan 2026 03:04:15 GMT", now)).toBe(10_000);
    expect(parseRetryAfter("soon", now)).toBeNull();
    expect(parseRetryAfter(null, now)).toBeNull();
  });
});
