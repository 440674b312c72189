/** Many jobs in one request: an answer per item, whatever its neighbours are. */
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BulkAnswer } from "../../src/contract/bulk.ts";
import type { Job } from "../../src/contract/job.ts";
import { ApiCaller } from "../support/api-caller.ts";
import { Fleet } from "../support/fleet.ts";

const LATER = "2099-01-01T00:00:00Z";
const item = (n: number): object => ({
  task: "count",
  input: { steps: n + 1 },
  runAt: LATER,
  labels: { n: String(n) },
});

describe("bulk submission", () => {
  let fleet: Fleet;
  let api: ApiCaller;

  beforeAll(async () => {
    fleet = await Fleet.start({
      workers: 1,
      settings: { CAIRN_LIMITS: JSON.stringify({ bodyBytes: 20_000, bulkItems: 300 }) },
    });
    api = await ApiCaller.open(fleet.client.url);
  });
  afterAll(async () => {
    api.close();
    await fleet.stop();
  });

  const bulk = async (body: object, headers: Record<string, string> = {}): Promise<readonly BulkAnswer[]> =>
    (await api.json<{ items: readonly BulkAnswer[] }>(200, { method: "POST", path: "/v1/jobs/bulk", body, headers }))
      .items;
  const lines = async (text: string, headers: Record<string, string> = {}): Promise<readonly BulkAnswer[]> => {
    const reply = await api.call({
      method: "POST",
      path: "/v1/jobs/bulk",
      body: text,
      headers: { "content-type": "application/x-ndjson", ...headers },
    });
    expect(reply.status).toBe(200);
    return reply.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as BulkAnswer);
  };

  it("answers each item of an array in its place", async () => {
    const answers = await bulk([
      item(0),
      { task: "nobody", input: 1 },
      item(2),
      { ...item(3), extra: 1 },
      { task: "echo", input: 1 },
    ]);
    expect(answers.map(({ index, status }) => [index, status])).toEqual([
      [0, 202],
      [1, 404],
      [2, 202],
      [3, 400],
      [4, 202],
    ]);
    expect(answers[3]?.problem?.errors).toEqual([{ pointer: "/extra", detail: "is not a known key" }]);
    for (const { id } of answers.filter(({ status }) => status === 202)) {
      expect((await api.call({ path: `/v1/jobs/${id ?? ""}` })).status).toBe(200);
    }
    expect(await bulk([])).toEqual([]);
  });

  it("answers each line of NDJSON, also broken ones", async () => {
    const answers = await lines(`${JSON.stringify(item(0))}\n\n{broken\r\n${JSON.stringify(item(1))}`);
    expect(answers.map(({ index, status }) => [index, status])).toEqual([
      [0, 202],
      [1, 400],
      [2, 202],
    ]);
    expect(answers[1]?.problem?.code).toBe("invalid_json");
    expect((await lines(JSON.stringify({ ...item(0), labels: { long: "x".repeat(30_000) } })))[0]?.status).toBe(413);
  });

  it("makes nothing twice when the same bulk is sent again with its key", async () => {
    const headers = { "idempotency-key": "sweep 1" };
    const first = await bulk([item(0), item(1)], headers);
    const again = await bulk([item(0), item(1), item(2)], headers);
    expect(again.slice(0, 2).map(({ id }) => id)).toEqual(first.map(({ id }) => id));
    expect(again.map(({ replayed }) => replayed)).toEqual([true, true, false]);
    expect((await bulk([item(5)], headers))[0]?.problem?.code).toBe("idempotency_key_reused");
  });

  it("a graph whose items name each other is created as a whole, and once", async () => {
    const graph = [
      { ...item(0), key: "join", dependsOn: ["left", { job: "right", onFailure: "run" }] },
      { ...item(1), key: "left", dependsOn: ["top"] },
      { ...item(2), key: "right", dependsOn: ["top"] },
      { ...item(3), key: "top" },
    ];
    const headers = { "idempotency-key": "graph" };
    const [join, left, right, top] = await bulk(graph, headers);
    const job = async (answer: BulkAnswer | undefined): Promise<Job> =>
      api.json<Job>(200, { path: `/v1/jobs/${answer?.id ?? ""}` });
    expect(await job(join)).toMatchObject({
      state: "blocked",
      dependsOn: [
        { job: left?.id, onFailure: "cancel" },
        { job: right?.id, onFailure: "run" },
      ],
    });
    expect((await job(top)).state).toBe("scheduled");
    expect(await api.json(200, { path: `/v1/jobs/${left?.id ?? ""}/dependencies` })).toEqual({
      items: [{ job: top?.id, onFailure: "cancel", status: "waiting" }],
      nextCursor: null,
    });
    expect((await bulk(graph, headers)).map(({ id, replayed }) => [id, replayed])).toEqual(
      [join, left, right, top].map((answer) => [answer?.id, true]),
    );
  });

  it("one fault in a graph refuses it before anything is created, and says where", async () => {
    const list = async (): Promise<unknown> =>
      (await api.json<{ items: readonly Job[] }>(200, { path: "/v1/jobs?label=faulty:yes" })).items;
    const marked = { ...item(0), labels: { faulty: "yes" } };
    const refusal = async (items: readonly object[]): Promise<unknown> =>
      api.problem({ method: "POST", path: "/v1/jobs/bulk", body: [...items] });
    expect(
      await refusal([marked, { ...marked, key: "a", dependsOn: ["b"] }, { ...marked, key: "b", dependsOn: ["a"] }]),
    ).toMatchObject({
      code: "dependency_cycle",
      detail: "these wait for each other: a → b → a; nothing was created",
      errors: [{ pointer: "/1/dependsOn/0" }],
    });
    expect(
      await refusal([
        { ...marked, key: "a" },
        { ...marked, dependsOn: ["a", "c"] },
      ]),
    ).toMatchObject({
      code: "unknown_dependency",
      errors: [{ pointer: "/1/dependsOn/1", detail: 'no item has the key "c"' }],
    });
    const nobody = "01hzyv7k3m8q4r5t6w7x8y9z0a";
    expect(
      await refusal([
        { ...marked, key: "a" },
        { ...marked, dependsOn: ["a", nobody] },
      ]),
    ).toMatchObject({
      code: "unknown_dependency",
      errors: [{ pointer: "/1/dependsOn/1" }],
    });
    expect(
      await refusal([
        { ...marked, key: "a" },
        { ...marked, dependsOn: ["a"], input: {} },
      ]),
    ).toMatchObject({
      code: "invalid_input",
      errors: [{ pointer: "/1/input/steps" }],
    });
    expect(await list()).toEqual([]);
    const answers = await lines(JSON.stringify({ ...marked, key: "a" }));
    expect(answers[0]?.problem?.detail).toBe("items that wait for each other are sent as one JSON array, not as lines");
  });

  it("takes hundreds, in order, and no more than the limit", async () => {
    const many = Array.from({ length: 300 }, (_, n) => item(n));
    const answers = await bulk(many);
    expect(answers.every(({ index, status }, n) => index === n && status === 202)).toBe(true);
    const first = await api.json<{ labels: object }>(200, { path: `/v1/jobs/${answers[217]?.id ?? ""}` });
    expect(first.labels).toEqual({ n: "217" });
    const problem = await api.problem({ method: "POST", path: "/v1/jobs/bulk", body: [...many, item(300)] });
    expect(problem).toMatchObject({ status: 400, detail: "the array has more than 300 items" });
    const over = await lines([...many, item(300), item(301)].map((one) => JSON.stringify(one)).join("\n"));
    expect(over.map(({ status }) => status).filter((status) => status !== 202)).toEqual([413]);
    expect(over).toHaveLength(301);
  });

  it("answers lines while more of them come, and reads on although nobody reads its answers", async () => {
    const first = await new Promise<string>((resolve, reject) => {
      const outgoing = httpRequest(
        `${api.url}/v1/jobs/bulk`,
        { method: "POST", headers: { "content-type": "application/x-ndjson" } },
        (incoming) => {
          incoming.once("data", (chunk: Buffer) => {
            incoming.resume();
            incoming.once("end", () => resolve(chunk.toString()));
            outgoing.end();
          });
        },
      );
      outgoing.on("error", reject);
      outgoing.write(`${JSON.stringify(item(0))}\n`);
    });
    expect(JSON.parse(first.split("\n")[0] ?? "")).toMatchObject({ index: 0, status: 202 });
  });
});
