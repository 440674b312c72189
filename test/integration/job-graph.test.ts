/** Jobs that wait for jobs: on records, on a single Redis and on a Cluster. */
import { describe, expect } from "vitest";
import type { BatchBench } from "../support/batch-bench.ts";
import { EVERY_REDIS, it } from "../support/batch-test.ts";
import { eventually } from "../support/eventually.ts";

describe.each(EVERY_REDIS)("jobs that wait for jobs, on %s", (_name, it) => {
  it("a job with several parents is blocked until the last of them has succeeded", async ({ batch }) => {
    const top = await batch.created();
    const left = await batch.created({ dependsOn: [top] });
    const right = await batch.created({ dependsOn: [top] });
    const join = await batch.created({ dependsOn: [left, right] });
    expect(await batch.reader.get(join)).toMatchObject({
      state: "blocked",
      reason: "waiting_for_jobs",
      dependsOn: [
        { job: left, onFailure: "cancel" },
        { job: right, onFailure: "cancel" },
      ],
    });
    expect(await finish(batch, "succeeded")).toBe(top);
    expect(await stateOf(batch, left)).toBe("queued");
    // Both were freed by the same end: either may be the first to be handed out.
    const first = await finish(batch, "succeeded");
    expect([left, right]).toContain(first);
    expect(await stateOf(batch, join)).toBe("blocked");
    // In the order of their ids, which two of the same millisecond have by chance.
    expect(await batch.graph.dependencies(join)).toEqual(
      [left, right]
        .sort()
        .map((job) => ({ job, onFailure: "cancel", status: job === first ? "satisfied" : "waiting" })),
    );
    await finish(batch, "succeeded");
    expect(await finish(batch, "succeeded")).toBe(join);
  });

  it("a failure cancels all that hang on it, except those that run all the same", async ({ batch }) => {
    const top = await batch.created();
    const child = await batch.created({ dependsOn: [top] });
    const grandchild = await batch.created({ dependsOn: [child] });
    const cleanup = await batch.created({
      dependsOn: [
        { job: top, onFailure: "run" },
        { job: child, onFailure: "run" },
      ],
    });
    await finish(batch, "failed");
    await batch.caretaker.passTime();
    expect(await batch.reader.get(child)).toMatchObject({ state: "cancelled", reason: "dependency_failed" });
    expect(await batch.reader.get(grandchild)).toMatchObject({ state: "cancelled", reason: "dependency_failed" });
    expect(await finish(batch, "succeeded")).toBe(cleanup);
  });

  it("retry of the failed job revives what was cancelled for it, and runs only what is unfinished", async ({
    batch,
  }) => {
    const good = await batch.created({ priority: 5 });
    const bad = await batch.created({ priority: 4 });
    const child = await batch.created({ dependsOn: [good, bad] });
    const grandchild = await batch.created({ dependsOn: [child] });
    expect(await finish(batch, "succeeded")).toBe(good);
    expect(await finish(batch, "failed")).toBe(bad);
    await batch.caretaker.passTime();
    expect(await stateOf(batch, grandchild)).toBe("cancelled");
    expect(await batch.writer.control(child, "retry", { by: "me" })).toEqual({
      kind: "dependency_failed",
      dependency: bad,
    });
    expect(await retry(batch, bad)).toBe("accepted");
    await batch.caretaker.passTime();
    expect([await stateOf(batch, good), await stateOf(batch, child), await stateOf(batch, grandchild)]).toEqual([
      "succeeded",
      "blocked",
      "blocked",
    ]);
    expect([
      await finish(batch, "succeeded"),
      await finish(batch, "succeeded"),
      await finish(batch, "succeeded"),
    ]).toEqual([bad, child, grandchild]);
  });

  it("with two failed parents both have to be retried before a job is revived", async ({ batch }) => {
    const [one, two] = [await batch.created(), await batch.created()];
    const child = await batch.created({ dependsOn: [one, two] });
    await finish(batch, "failed");
    await finish(batch, "failed");
    await retry(batch, one);
    expect(await stateOf(batch, child)).toBe("cancelled");
    await retry(batch, two);
    expect(await stateOf(batch, child)).toBe("blocked");
  });

  it("what a person cancelled is not revived, and a job that was released stays so", async ({ batch }) => {
    const top = await batch.created();
    const given = await batch.created({ dependsOn: [top] });
    const released = await batch.created({ dependsOn: [top] });
    await batch.writer.control(given, "cancel", { by: "me" });
    await finish(batch, "succeeded");
    expect(await stateOf(batch, released)).toBe("queued");
    await retry(batch, top);
    expect([await stateOf(batch, given), await stateOf(batch, released)]).toEqual(["cancelled", "queued"]);
    expect(await retry(batch, given)).toBe("accepted");
    expect(await stateOf(batch, given)).toBe("blocked");
  });

  it("a blocked job is parked and resumed, and waits on", async ({ batch }) => {
    const top = await batch.created();
    const child = await batch.created({ dependsOn: [top] });
    await batch.writer.control(child, "stop", { by: "me" });
    await batch.writer.control(child, "resume", { by: "me" });
    expect(await stateOf(batch, child)).toBe("blocked");
    await batch.writer.control(child, "stop", { by: "me" });
    await finish(batch, "succeeded");
    expect(await stateOf(batch, child)).toBe("stopped");
    await batch.writer.control(child, "resume", { by: "me" });
    expect(await stateOf(batch, child)).toBe("queued");
  });

  it("parents that have ended already, or never were", async ({ batch }) => {
    const top = await batch.created();
    await finish(batch, "succeeded");
    expect(await stateOf(batch, await batch.created({ dependsOn: [top] }))).toBe("queued");
    await finish(batch, "failed");
    const failed = await batch.created({ priority: 9 });
    await finish(batch, "failed");
    expect(await batch.reader.get(await batch.created({ dependsOn: [failed] }))).toMatchObject({
      state: "cancelled",
      reason: "dependency_failed",
    });
    const nobody = "01hzyv7k3m8q4r5t6w7x8y9z0a";
    const key = { key: "k", fingerprint: "f" };
    expect(await batch.submit({ dependsOn: [top, nobody] }, key)).toEqual({ kind: "unknown_dependency", index: 1 });
    // Nothing was made of it: the key is free.
    expect((await batch.submit({ dependsOn: [top] }, key)).kind).toBe("created");
  });

  it("a blocked job keeps its time and its deadline", async ({ batch }) => {
    const top = await batch.created();
    const later = await batch.created({ dependsOn: [top], runAt: new Date(Date.now() + 60_000).toISOString() });
    const mortal = await batch.created({ dependsOn: [top], deadlineMs: 1 });
    await expect
      .poll(async () => {
        await batch.caretaker.passTime();
        return stateOf(batch, mortal);
      })
      .toBe("expired");
    await finish(batch, "succeeded");
    expect(await batch.reader.get(later)).toMatchObject({ state: "scheduled", reason: "not_before" });
  });

  it("T1, T2: many children are told a few at a time, by whoever goes on", async ({ batch }) => {
    const top = await batch.created({ priority: 9 });
    const children: string[] = [];
    for (let n = 0; n < 45; n += 1) children.push(await batch.created({ dependsOn: [top] }));
    await batch.finish("succeeded");
    expect(await batch.graph.tell(top, 2)).toBe(2);
    const queued = async (): Promise<number> => {
      const states = await Promise.all(children.map((id) => stateOf(batch, id)));
      return states.filter((state) => state === "queued").length;
    };
    const told = await queued();
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(45);
    // A parent that is asked to be deleted meanwhile stays, and tells the rest.
    expect(await batch.writer.remove(top)).toEqual({ kind: "needed", by: expect.any(String) as string });
    await batch.graph.tellSome();
    expect(await queued()).toBe(45);
  });
});

describe("jobs that wait for jobs, when Redis restarts", () => {
  it("T2: children that were not told yet are told afterwards", async ({ server, batch }) => {
    const top = await batch.created();
    const outcome = await batch.submitArray({ count: 45 }, { dependsOn: [top] });
    if (outcome.kind !== "created") throw new Error(outcome.kind);
    const { id } = outcome.array;
    await batch.finish("succeeded");
    await batch.graph.tell(top, 2);
    const { queued = 0, blocked = 0 } = (await batch.arrays.get(id))?.states ?? {};
    expect(queued).toBeGreaterThan(0);
    expect(blocked).toBeGreaterThan(0);
    expect(queued + blocked).toBe(45);
    await server.kill();
    await server.restart();
    await eventually("all are queued", async () => {
      await batch.graph.tellSome().catch(() => undefined);
      return (await batch.arrays.get(id).catch(() => null))?.states.queued === 45;
    });
  });
});

async function stateOf(batch: BatchBench, id: string): Promise<unknown> {
  return (await batch.reader.get(id))?.state;
}

/** Ends the job whose turn it is, and lets what hangs on it hear of it. */
async function finish(batch: BatchBench, how: "succeeded" | "failed"): Promise<string> {
  const job = await batch.finish(how);
  await batch.caretaker.passTime();
  return job;
}

async function retry(batch: BatchBench, id: string): Promise<unknown> {
  const { kind } = await batch.writer.control(id, "retry", { by: "me" });
  await batch.caretaker.passTime();
  return kind;
}
