/** What an API refuses, on the hot route and on the others alike: the right status, a code, a hint, and nothing is done. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ApiCaller, type Call } from "../support/api-caller.ts";
import { Fleet } from "../support/fleet.ts";

const INVOKE = "/v1/tasks/echo/invoke";
const SLEEP = "/v1/tasks/sleep/invoke";
const COUNT = { task: "count", input: { steps: 1 } };

describe("refusals", () => {
  let fleet: Fleet;
  let api: ApiCaller;
  let before: string;

  beforeAll(async () => {
    fleet = await Fleet.start({
      workers: 1,
      settings: {
        CAIRN_LIMITS: JSON.stringify({ bodyBytes: 20_000, inlineBytes: 10_000, bulkBytes: 100_000, bulkItems: 50 }),
      },
    });
    api = await ApiCaller.open(fleet.client.url);
  });
  afterAll(async () => {
    api.close();
    await fleet.stop();
  });

  /** Everything that a request might have done: jobs made, online requests run. */
  async function done(): Promise<string> {
    const jobs = await api.json<{ items: readonly { readonly id: string }[] }>(200, { path: "/v1/jobs" });
    const metrics = await api.call({ path: "/metrics" });
    const ran = metrics.text.split("\n").filter((line) => line.startsWith("cairn_invocations_total"));
    return JSON.stringify({ jobs: jobs.items.map(({ id }) => id), ran });
  }

  beforeEach(async () => {
    before = await done();
  });
  afterEach(async () => {
    const after = await done();
    if (after !== before) throw new Error(`something was done: ${before} → ${after}`);
  });

  const post = (path: string, body: Call["body"], headers: Record<string, string> = {}): Call => ({
    method: "POST",
    path,
    ...(body === undefined ? {} : { body }),
    headers,
  });
  const typed = { "content-type": "application/json" };

  it.each([
    ["unknown task, invoked", post("/v1/tasks/nobody/invoke", {}), 404, "unknown_task"],
    ["a name that no task can have, invoked", post("/v1/tasks/No%20Body/invoke", {}), 404, "unknown_task"],
    ["unknown task, submitted", post("/v1/jobs", { ...COUNT, task: "nobody" }), 404, "unknown_task"],
    ["a batch task, invoked", post("/v1/tasks/count/invoke", { steps: 1 }), 409, "wrong_class"],
    [
      "a priority for an online task",
      post("/v1/jobs", { task: "echo", input: 1, priority: 3 }),
      400,
      "invalid_request",
    ],
    [
      "an online task with a deadline far away",
      post("/v1/jobs", { task: "echo", input: 1, deadlineMs: 86_400_000 }),
      400,
      "invalid_request",
    ],
    ["unknown job", { path: "/v1/jobs/01m83ma1w710zzs2nz3j2f8zz6" }, 404, "unknown_job"],
    ["something that is no job id", { path: "/v1/jobs/nope" }, 404, "unknown_job"],
    ["unknown job's events", { path: "/v1/jobs/01m83ma1w710zzs2nz3j2f8zz6/events" }, 404, "unknown_job"],
    ["unknown job, stopped", post("/v1/jobs/01m83ma1w710zzs2nz3j2f8zz6/stop", undefined), 404, "unknown_job"],
    ["unknown worker", { path: "/v1/workers/nope" }, 404, "unknown_worker"],
    ["unknown worker, drained", post("/v1/workers/nope/drain", undefined), 404, "unknown_worker"],
    ["unknown task, looked at", { path: "/v1/tasks/nobody" }, 404, "unknown_task"],
    ["unknown route", { path: "/v1/nope" }, 404, "not_found"],
    ["unknown route with a body", post("/v1/nope", { a: 1 }), 404, "not_found"],
    ["a slash too many", { path: "/v1/jobs/" }, 404, "not_found"],
    ["another case", { path: "/V1/jobs" }, 404, "not_found"],
    ["unknown problem code", { path: "/problems/__proto__" }, 404, "not_found"],
    ["wrong method on the hot route", { path: INVOKE }, 405, "method_not_allowed"],
    ["wrong method elsewhere", { method: "PUT", path: "/v1/jobs" }, 405, "method_not_allowed"],
    ["a query on the hot route", post(`${INVOKE}?a=1`, {}), 400, "invalid_request"],
    ["a bad escape in the path", { path: "/v1/jobs/%zz" }, 400, "invalid_request"],
    ["a bad escape in the query", { path: "/v1/jobs?task=%ff" }, 400, "invalid_request"],
    ["unknown query parameter", { path: "/v1/jobs?staet=queued" }, 400, "invalid_request"],
    ["query parameter where none is taken", { path: "/v1/limits?a=1" }, 400, "invalid_request"],
    ["bad state", { path: "/v1/jobs?state=nope" }, 400, "invalid_request"],
    ["bad label", { path: "/v1/jobs?label=nope" }, 400, "invalid_request"],
    ["bad limit", { path: "/v1/jobs?limit=0" }, 400, "invalid_request"],
    ["limit beyond the most", { path: "/v1/jobs?limit=501" }, 400, "invalid_request"],
    ["limit that is no number", { path: "/v1/jobs?limit=1e2" }, 400, "invalid_request"],
    ["a parameter twice", { path: "/v1/jobs?task=a&task=b" }, 400, "invalid_request"],
    ["bad cursor of jobs", { path: "/v1/jobs?cursor=nope" }, 400, "invalid_cursor"],
    ["bad cursor of workers", { path: "/v1/workers?cursor=nope" }, 400, "invalid_cursor"],
    ["no form the client takes", { path: "/v1/jobs", headers: { accept: "text/csv" } }, 406, "not_acceptable"],
    [
      "no form the client takes, hot",
      post(INVOKE, {}, { accept: "text/html, application/json;q=0" }),
      406,
      "not_acceptable",
    ],
    ["no media type, hot", { method: "POST", path: INVOKE, body: Buffer.from("{}") }, 415, "unsupported_media_type"],
    ["wrong media type, hot", post(INVOKE, "a=1", { "content-type": "text/plain" }), 415, "unsupported_media_type"],
    [
      "wrong media type",
      post("/v1/jobs", "<a/>", { "content-type": "application/xml" }),
      415,
      "unsupported_media_type",
    ],
    [
      "wrong charset",
      post("/v1/jobs", "{}", { "content-type": "application/json; charset=utf-16" }),
      415,
      "unsupported_media_type",
    ],
    ["compressed body", post(INVOKE, "{}", { ...typed, "content-encoding": "gzip" }), 415, "unsupported_media_type"],
    ["malformed JSON, hot", post(INVOKE, '{"a":}', typed), 400, "invalid_json"],
    ["malformed JSON", post("/v1/jobs", '{"task":"count",}', typed), 400, "invalid_json"],
    ["malformed array", post("/v1/jobs/bulk", `[${JSON.stringify(COUNT)},{bad}]`, typed), 400, "invalid_json"],
    ["array that is not closed", post("/v1/jobs/bulk", `[${JSON.stringify(COUNT)}`, typed), 400, "invalid_json"],
    ["empty body, hot", post(INVOKE, "", typed), 400, "invalid_json"],
    ["empty body", post("/v1/jobs", "", typed), 400, "invalid_json"],
    ["not UTF-8", post(INVOKE, Buffer.from([0x22, 0xff, 0x22]), typed), 400, "invalid_json"],
    ["too deep, hot", post(INVOKE, "[".repeat(400) + "]".repeat(400), typed), 400, "invalid_request"],
    ["too deep", post("/v1/jobs", "[".repeat(400) + "]".repeat(400), typed), 400, "invalid_request"],
    ["polluting key, hot", post(INVOKE, '{"a":{"__proto__":{"x":1}}}', typed), 400, "invalid_request"],
    [
      "polluting key",
      post("/v1/jobs", '{"task":"count","input":{"steps":1},"__proto__":{}}', typed),
      400,
      "invalid_request",
    ],
    ["over the limit, hot", post(INVOKE, { a: "x".repeat(10_000) }), 413, "payload_too_large"],
    ["over the limit", post("/v1/jobs", { ...COUNT, a: "x".repeat(20_000) }), 413, "payload_too_large"],
    [
      "input over its limit",
      post("/v1/jobs", { task: "count", input: { a: "x".repeat(12_000) } }),
      413,
      "payload_too_large",
    ],
    ["bulk over its limit", post("/v1/jobs/bulk", `[${" ".repeat(100_000)}]`, typed), 413, "payload_too_large"],
    ["input against the schema, hot", post(SLEEP, { ms: "long" }), 400, "invalid_input"],
    ["unknown key in the input, hot", post(SLEEP, { ms: 1, hours: 2 }), 400, "invalid_input"],
    ["input against the schema", post("/v1/jobs", { task: "count", input: { steps: 0 } }), 400, "invalid_input"],
    [
      "unknown key in the input",
      post("/v1/jobs", { task: "count", input: { steps: 1, days: 2 } }),
      400,
      "invalid_input",
    ],
    ["unknown key", post("/v1/jobs", { ...COUNT, priorty: 1 }), 400, "invalid_request"],
    ["missing key", post("/v1/jobs", { task: "count" }), 400, "invalid_request"],
    ["a body that is no object", post("/v1/jobs", [COUNT]), 400, "invalid_request"],
    ["priority out of bounds", post("/v1/jobs", { ...COUNT, priority: 11 }), 400, "invalid_request"],
    ["a date that is none", post("/v1/jobs", { ...COUNT, runAt: "tomorrow" }), 400, "invalid_request"],
    [
      "a job to wait for that is not there",
      post("/v1/jobs", { ...COUNT, dependsOn: ["01hzyv7k3m8q4r5t6w7x8y9z0a"] }),
      422,
      "unknown_dependency",
    ],
    ["dependsOn with no id", post("/v1/jobs", { ...COUNT, dependsOn: ["first"] }), 400, "invalid_request"],
    [
      "webhook, which nothing supports yet",
      post("/v1/jobs", { ...COUNT, webhook: "http://a" }),
      400,
      "invalid_request",
    ],
    [
      "too many labels",
      post("/v1/jobs", { ...COUNT, labels: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`l${n}`, "x"])) }),
      400,
      "invalid_request",
    ],
    ["bad key, hot", post(INVOKE, {}, { "idempotency-key": '"open' }), 400, "invalid_idempotency_key"],
    ["bad key", post("/v1/jobs", COUNT, { "idempotency-key": "k".repeat(256) }), 400, "invalid_idempotency_key"],
    ["bad time limit", post(INVOKE, {}, { "request-timeout-ms": "soon" }), 400, "invalid_deadline"],
    ["time limit beyond the longest", post(INVOKE, {}, { "request-timeout-ms": "60001" }), 400, "invalid_deadline"],
    [
      "bad event id",
      { path: "/v1/jobs/01m83ma1w710zzs2nz3j2f8zz6/events", headers: { "last-event-id": "x" } },
      400,
      "invalid_cursor",
    ],
    ["another site's page, hot", post(INVOKE, {}, { "sec-fetch-site": "cross-site" }), 403, "forbidden_origin"],
    ["another site's page", post("/v1/jobs", COUNT, { origin: "https://evil.example" }), 403, "forbidden_origin"],
    ["a page of another port", post("/v1/jobs", COUNT, { "sec-fetch-site": "same-site" }), 403, "forbidden_origin"],
    ["a name of somebody else's", { path: "/v1/jobs", headers: { host: "evil.example" } }, 421, "unknown_host"],
    ["a name of somebody else's, hot", post(INVOKE, {}, { host: "evil.example:80" }), 421, "unknown_host"],
    ["an expectation nobody knows", post(INVOKE, {}, { expect: "wonders" }), 417, "expectation_failed"],
  ] as const)("%s", async (_what, call: Call, status, code) => {
    const problem = await api.problem(call);
    expect({ status: problem.status, code: problem.code }).toEqual({ status, code });
    expect(problem.type).toBe(`/problems/${code}`);
    expect(problem.hint.length).toBeGreaterThan(10);
    expect(problem.instance).toBe(call.path.split("?")[0]);
    expect(problem.requestId).toBe(problem.headers["x-request-id"]);
  });

  it("names each place that is wrong", async () => {
    const problem = await api.problem(post("/v1/jobs", { task: "count", input: { steps: "x", days: 2 } }));
    expect(problem.errors).toContainEqual({ pointer: "/input/steps", detail: "must be integer" });
    expect(problem.errors).toContainEqual({ pointer: "/input/days", detail: "is not a known key" });
    const query = await api.problem({ path: "/v1/jobs?limit=0&staet=x" });
    expect(query.errors?.map(({ parameter }) => parameter)).toEqual(["limit", "staet"]);
    const yet = await api.problem(post("/v1/jobs", { ...COUNT, webhook: "http://a" }));
    expect(yet.errors).toEqual([{ pointer: "/webhook", detail: "is not supported yet" }]);
    const json = await api.problem(post(INVOKE, '{\n "a": 1,\n}', typed));
    expect(json.detail).toMatch(/^line 3, column 1: /);
  });

  it("tells what a route takes instead", async () => {
    expect((await api.problem({ path: INVOKE })).headers.allow).toBe("POST, OPTIONS");
    expect((await api.problem({ method: "PUT", path: "/v1/jobs" })).headers.allow).toBe("POST, GET, HEAD, OPTIONS");
    const options = await api.call({ method: "OPTIONS", path: "/v1/jobs" });
    expect(options.status).toBe(204);
    expect(options.headers["access-control-allow-origin"]).toBeUndefined();
  });

  it("answers what is not HTTP, and what its parser refuses, as problems too", async () => {
    const host = "Host: 127.0.0.1\r\n";
    const replies = await Promise.all([
      api.raw("NONSENSE\r\n\r\n"),
      api.raw(`GET /livez HTTP/1.1\r\n${host}X-Large: ${"x".repeat(20_000)}\r\n\r\n`),
      api.raw(`POST ${INVOKE} HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`),
      api.raw("GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n"),
    ]);
    expect(replies.map(({ status }) => status)).toEqual([400, 431, 400, 400]);
    for (const { headers } of replies) expect(headers["content-type"]).toContain("application/problem+json");
  });

  it("answers before a body of any size has come, and the client can read the answer", async () => {
    const size = 30_000_000;
    const chunked = await api.raw(
      `POST ${INVOKE} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${size}\r\n\r\n${"x".repeat(1_000_000)}`,
    );
    expect(chunked.status).toBe(413);
    expect(chunked.headers.connection).toBe("close");
  });
});
