/** Arrays of jobs: on records, on a single Redis and on a Cluster. */
import { describe, expect } from "vitest";
import type { JobArray } from "../../src/contract/array.ts";
import type { Goodput } from "../../src/contract/job.ts";
import { elementId } from "../../src/domain/array-element.ts";
import type { BatchBench } from "../support/batch-bench.ts";
import { EVERY_REDIS } from "../support/batch-test.ts";

describe.each(EVERY_REDIS)("arrays on %s", (_name, it) => {
  it("an array makes its elements, each with its input, and shows them as a whole", async ({ batch }) => {
    const { id } = await made(
      batch,
      { count: 40 },
      { input: { steps: "{index}", name: "run {index}" }, labels: { a: "b" } },
    );
    expect(await batch.arrays.get(id)).toMatchObject({
      count: 40,
      created: 40,
      state: "active",
      states: { queued: 40, running: 0 },
      labels: { a: "b" },
    });
    expect(await batch.reader.get(elementId(id, 7))).toMatchObject({
      input: { steps: 7, name: "run 7" },
      array: { id, index: 7, count: 40 },
    });
    const other = await batch.created();
    const page = await batch.reader.list({ states: [], labels: [], array: id }, { cursor: null, limit: 30 });
    if (page.kind !== "page") throw new Error(page.kind);
    const rest = await batch.reader.list(
      { states: ["queued", "running"], labels: [], array: id },
      { cursor: page.nextCursor, limit: 30 },
    );
    if (rest.kind !== "page") throw new Error(rest.kind);
    const indexes = [...page.items, ...rest.items].map(({ array }) => array?.index);
    expect(indexes).toEqual(Array.from({ length: 40 }, (_, n) => 39 - n));
    expect(page.items.map((job) => job.id)).not.toContain(other);
    expect((await batch.arrays.list(null, 10)).items.map((array) => array.id)).toEqual([id]);
  });

  it("GP1: an array tells where the time of its elements went, and how many attempts were lost", async ({ batch }) => {
    const { id } = await made(batch, { count: 3 }, { input: { steps: "{index}" } });
    const { job } = await batch.lease("w2");
    expect(await batch.caretaker.takeLeasesFrom("w2", null)).toBe(1);
    await batch.finish("succeeded");
    await batch.finish("failed");
    await batch.arrays.control(batch.writer, id, "cancel", "me");
    const array = await batch.arrays.get(id);
    expect(array).toMatchObject({ attempts: 3, losses: 1, state: "failed" });
    const elements = await Promise.all([0, 1, 2].map((index) => batch.reader.get(elementId(id, index))));
    const sum = (part: keyof Goodput): number =>
      elements.reduce((all, element) => all + (element?.goodput?.[part] ?? 0), 0);
    const parts = ["usefulMs", "checkpointMs", "restoreMs", "redoneMs", "detectMs", "queuedMs", "heldMs"] as const;
    for (const part of parts) expect(array?.goodput[part]).toBe(sum(part));
    const ages = elements.map((one) => Date.parse(one?.finishedAt ?? "") - Date.parse(one?.createdAt ?? ""));
    expect(sum("heldMs") + parts.slice(0, -1).reduce((all, part) => all + sum(part), 0)).toBe(
      ages.reduce((all, ms) => all + ms, 0),
    );
    await batch.writer.control(job, "cancel", { by: "me" });
    for (const index of [0, 1, 2]) await batch.writer.remove(elementId(id, index));
    expect(await batch.redis.exists(batch.keys.array(id))).toBe(0);
  });

  it("elements may bring inputs of their own", async ({ batch }) => {
    const { id } = await made(batch, { inputs: [{ steps: 5 }, { steps: 9 }] }, { input: null });
    expect((await batch.reader.get(elementId(id, 1)))?.input).toEqual({ steps: 9 });
    expect(await batch.redis.hexists(batch.keys.array(id), "inputs")).toBe(0);
  });

  it("AR1: the same key gets the same array, and what its maker left undone is made by another", async ({ batch }) => {
    const key = { key: "sweep", fingerprint: "f" };
    const { id } = await made(batch, { count: 30 }, {}, key);
    expect(await batch.submitArray({ count: 30 }, {}, key)).toMatchObject({ kind: "replayed", array: { id } });
    expect(await batch.submitArray({ count: 31 }, {}, { ...key, fingerprint: "g" })).toEqual({
      kind: "key_reused",
      id,
    });

    const taken = await made(batch, { count: 100 });
    // As if its maker had died after some of them.
    const half = await batch.arrays.get(taken.id);
    expect(half?.created).toBe(100);
    const begun = await batch.begunArray(100, 2);
    const standing = await batch.arrays.get(begun);
    expect(standing).toMatchObject({ count: 100, state: "active" });
    expect(standing?.created).toBeGreaterThan(0);
    expect(standing?.created).toBeLessThan(100);
    await batch.redis.zadd(batch.keys.unfilled, 0, begun);
    await Promise.all([batch.filler.fillAbandoned(), batch.filler.fillAbandoned()]);
    expect(await batch.arrays.get(begun)).toMatchObject({ created: 100, states: { queued: 100 } });
    expect(await batch.redis.zcard(batch.keys.unfilled)).toBe(0);
  });

  it("orders go to all elements they are for, and can be repeated", async ({ batch }) => {
    const { id } = await made(batch, { count: 40 });
    await batch.finish("succeeded");
    await batch.finish("failed");
    expect(await batch.arrays.control(batch.writer, id, "stop", "me")).toBe(38);
    expect(await batch.arrays.control(batch.writer, id, "stop", "me")).toBe(0);
    expect(await batch.arrays.control(batch.writer, id, "resume", "me")).toBe(38);
    expect(await batch.arrays.control(batch.writer, id, "cancel", "me")).toBe(38);
    expect(await batch.arrays.get(id)).toMatchObject({
      state: "failed",
      states: { succeeded: 1, failed: 1, cancelled: 38 },
    });
    expect((await batch.arrays.get(id))?.unsuccessful).toHaveLength(39);
    expect(await batch.arrays.control(batch.writer, id, "retry", "me")).toBe(39);
    expect(await batch.arrays.get(id)).toMatchObject({ state: "active", states: { succeeded: 1, queued: 39 } });
    expect(await batch.arrays.control(batch.writer, batch.keys.root, "retry", "me")).toBeNull();
  });

  it("a job can wait for an array as a whole, and is revived when what failed there is retried", async ({ batch }) => {
    const { id } = await made(batch, { count: 3 });
    const after = await batch.created({ dependsOn: [id] });
    const always = await batch.created({ dependsOn: [{ job: id, onFailure: "run" }], priority: -5 });
    const states = async (): Promise<unknown> => {
      await batch.caretaker.passTime();
      return Promise.all([after, always].map(async (job) => (await batch.reader.get(job))?.state));
    };
    await batch.finish("succeeded");
    await batch.finish("failed");
    expect(await states()).toEqual(["blocked", "blocked"]);
    await batch.finish("succeeded");
    expect(await states()).toEqual(["cancelled", "queued"]);
    expect(await batch.arrays.control(batch.writer, id, "retry", "me")).toBe(1);
    expect(await states()).toEqual(["blocked", "queued"]);
    await batch.finish("succeeded");
    expect(await states()).toEqual(["queued", "queued"]);
  });

  it("an array goes with its last element, and leaves nothing behind", async ({ batch }) => {
    const { id } = await made(batch, { count: 2 });
    await batch.arrays.control(batch.writer, id, "cancel", "me");
    for (const index of [0, 1]) expect((await batch.writer.remove(elementId(id, index))).kind).toBe("ok");
    expect(await batch.arrays.get(id)).toBeNull();
    expect((await batch.arrays.list(null, 10)).items).toEqual([]);
  });
});

async function made(batch: BatchBench, ...args: Parameters<BatchBench["submitArray"]>): Promise<JobArray> {
  const outcome = await batch.submitArray(...args);
  if (outcome.kind !== "created" && outcome.kind !== "replayed") throw new Error(outcome.kind);
  return outcome.array;
}
