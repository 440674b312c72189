/** Jobs that wait for jobs: on records, on a single Redis and on a Cluster. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { NOTHING_NEW } from "../../src/batch/batch.ts";
import { openBatch, type BatchBench } from "../support/batch-bench.ts";
import { startRedis } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

const SERVERS = { "one Redis": startRedis, "a Cluster of three primaries": startRedisCluster };

describe.each(Object.entries(SERVERS))("jobs that wait for jobs, on %s", (_name, startServer) => {
  let server: { readonly url: string; stop(): Promise<void> };
  let batch: BatchBench;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    batch = await openBatch(server.url);
  });
  afterEach(() => batch.close());

  const stateOf = async (id: string): Promise<unknown> => (await batch.reader.get(id))?.state;
  const finish = async (how: "succeeded" | "failed"): Promise<string> => {
    const { job, fence, record } = await batch.lease("w1");
    const end =
      how === "succeeded"
        ? ({ kind: "succeeded", output: '"done"', artifacts: [] } as const)
        : ({ kind: "failed", fault: "not_retryable", message: "no", retryAfterMs: null } as const);
    await batch.deskOf("w1").end(job, fence, record, end, NOTHING_NEW);
    await batch.caretaker.passTime();
    return job;
  };
  const retry = async (id: string): Promise<unknown> => {
    const { kind } = await batch.writer.control(id, "retry", { by: "me" });
    await batch.caretaker.passTime();
    return kind;
  };

  it("a job with several parents is blocked until the last of them has succeeded", async () => {
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
    expect(await finish("succeeded")).toBe(top);
    expect(await stateOf(left)).toBe("queued");
    // Both were freed by the same end: either may be the first to be handed out.
    const first = await finish("succeeded");
    expect([left, right]).toContain(first);
    expect(await stateOf(join)).toBe("blocked");
    expect(await batch.graph.dependencies(join)).toEqual(
      [left, right].map((job) => ({ job, onFailure: "cancel", status: job === first ? "satisfied" : "waiting" })),
    );
    await finish("succeeded");
    expect(await finish("succeeded")).toBe(join);
  });

  it("a failure cancels all that hang on it, except those that run all the same", async () => {
    const top = await batch.created();
    const child = await batch.created({ dependsOn: [top] });
    const grandchild = await batch.created({ dependsOn: [child] });
    const cleanup = await batch.created({
      dependsOn: [
        { job: top, onFailure: "run" },
        { job: child, onFailure: "run" },
      ],
    });
    await finish("failed");
    await batch.caretaker.passTime();
    expect(await batch.reader.get(child)).toMatchObject({ state: "cancelled", reason: "dependency_failed" });
    expect(await batch.reader.get(grandchild)).toMatchObject({ state: "cancelled", reason: "dependency_failed" });
    expect(await finish("succeeded")).toBe(cleanup);
  });

  it("retry of the failed job revives what was cancelled for it, and runs only what is unfinished", async () => {
    const good = await batch.created({ priority: 5 });
    const bad = await batch.created({ priority: 4 });
    const child = await batch.created({ dependsOn: [good, bad] });
    const grandchild = await batch.created({ dependsOn: [child] });
    expect(await finish("succeeded")).toBe(good);
    expect(await finish("failed")).toBe(bad);
    await batch.caretaker.passTime();
    expect(await stateOf(grandchild)).toBe("cancelled");
    expect(await batch.writer.control(child, "retry", { by: "me" })).toEqual({
      kind: "dependency_failed",
      dependency: bad,
    });
    expect(await retry(bad)).toBe("accepted");
    await batch.caretaker.passTime();
    expect([await stateOf(good), await stateOf(child), await stateOf(grandchild)]).toEqual([
      "succeeded",
      "blocked",
      "blocked",
    ]);
    expect([await finish("succeeded"), await finish("succeeded"), await finish("succeeded")]).toEqual([
      bad,
      child,
      grandchild,
    ]);
  });

  it("with two failed parents both have to be retried before a job is revived", async () => {
    const [one, two] = [await batch.created(), await batch.created()];
    const child = await batch.created({ dependsOn: [one, two] });
    await finish("failed");
    await finish("failed");
    await retry(one);
    expect(await stateOf(child)).toBe("cancelled");
    await retry(two);
    expect(await stateOf(child)).toBe("blocked");
  });

  it("what a person cancelled is not revived, and a job that was released stays so", async () => {
    const top = await batch.created();
    const given = await batch.created({ dependsOn: [top] });
    const released = await batch.created({ dependsOn: [top] });
    await batch.writer.control(given, "cancel", { by: "me" });
    await finish("succeeded");
    expect(await stateOf(released)).toBe("queued");
    await retry(top);
    expect([await stateOf(given), await stateOf(released)]).toEqual(["cancelled", "queued"]);
    expect(await retry(given)).toBe("accepted");
    expect(await stateOf(given)).toBe("blocked");
  });

  it("a blocked job is parked and resumed, and waits on", async () => {
    const top = await batch.created();
    const child = await batch.created({ dependsOn: [top] });
    await batch.writer.control(child, "stop", { by: "me" });
    await batch.writer.control(child, "resume", { by: "me" });
    expect(await stateOf(child)).toBe("blocked");
    await batch.writer.control(child, "stop", { by: "me" });
    await finish("succeeded");
    expect(await stateOf(child)).toBe("stopped");
    await batch.writer.control(child, "resume", { by: "me" });
    expect(await stateOf(child)).toBe("queued");
  });

  it("parents that have ended already, or never were", async () => {
    const top = await batch.created();
    await finish("succeeded");
    expect(await stateOf(await batch.created({ dependsOn: [top] }))).toBe("queued");
    await finish("failed");
    const failed = await batch.created({ priority: 9 });
    await finish("failed");
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

  it("a blocked job keeps its time and its deadline", async () => {
    const top = await batch.created();
    const later = await batch.created({ dependsOn: [top], runAt: new Date(Date.now() + 60_000).toISOString() });
    const mortal = await batch.created({ dependsOn: [top], deadlineMs: 1 });
    await expect
      .poll(async () => {
        await batch.caretaker.passTime();
        return stateOf(mortal);
      })
      .toBe("expired");
    await finish("succeeded");
    expect(await batch.reader.get(later)).toMatchObject({ state: "scheduled", reason: "not_before" });
  });

  it("T1, T2: many children are told a few at a time, by whoever goes on", async () => {
    const top = await batch.created({ priority: 9 });
    const children: string[] = [];
    for (let n = 0; n < 45; n += 1) children.push(await batch.created({ dependsOn: [top] }));
    const { job, fence, record } = await batch.lease("w1");
    const end = { kind: "succeeded", output: "1", artifacts: [] } as const;
    await batch.deskOf("w1").end(job, fence, record, end, NOTHING_NEW);
    expect(await batch.graph.tell(top, 2)).toBe(2);
    const queued = async (): Promise<number> => {
      const states = await Promise.all(children.map(stateOf));
      return states.filter((state) => state === "queued").length;
    };
    const told = await queued();
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(45);
    // A parent that is deleted meanwhile tells the rest first.
    expect(await batch.writer.remove(top)).toEqual({ kind: "ok" });
    expect(await queued()).toBe(45);
  });
});

describe("jobs that wait for jobs, when Redis restarts", () => {
  it("T2: children that were not told yet are told afterwards", async () => {
    const server = await startRedis();
    const batch = await openBatch(server.url);
    try {
      const top = await batch.created();
      const { id } = await batch.submitArray({ count: 45 }, { dependsOn: [top] }).then((outcome) => {
        if (outcome.kind !== "created") throw new Error(outcome.kind);
        return outcome.array;
      });
      const { job, fence, record } = await batch.lease("w1");
      await batch.deskOf("w1").end(job, fence, record, { kind: "succeeded", output: "1", artifacts: [] }, NOTHING_NEW);
      await batch.graph.tell(top, 2);
      const { queued = 0, blocked = 0 } = (await batch.arrays.get(id))?.states ?? {};
      expect(queued).toBeGreaterThan(0);
      expect(blocked).toBeGreaterThan(0);
      expect(queued + blocked).toBe(45);
      await server.kill();
      await server.restart();
      await expect
        .poll(async () => {
          await batch.graph.tellSome().catch(() => undefined);
          return (await batch.arrays.get(id).catch(() => null))?.states.queued;
        })
        .toBe(45);
    } finally {
      await batch.close();
      await server.stop();
    }
  });
});
