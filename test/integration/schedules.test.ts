/** Schedules: each time makes one job, on a single Redis and on a Cluster. */
import { describe, expect } from "vitest";
import { ScheduleDesk, type SubmitScheduled } from "../../src/batch/batch.ts";
import { problem } from "../../src/contract/problem.ts";
import { putScheduleSchema, type PutSchedule } from "../../src/contract/schedule.ts";
import { fastWriter } from "../../src/redis/script-writer.ts";
import type { BatchBench } from "../support/batch-bench.ts";
import { EVERY_REDIS } from "../support/batch-test.ts";

const HOUR = 3_600_000;

describe.each(EVERY_REDIS)("schedules on %s", (_name, it) => {
  let batch: BatchBench;
  let now: number;
  it.beforeEach(({ batch: opened }) => {
    batch = opened;
    now = Math.floor(Date.now() / HOUR) * HOUR + 1_000;
  });

  const deskAt = (): ScheduleDesk =>
    new ScheduleDesk({
      ...{ redis: batch.redis, keys: batch.keys, scripts: batch.scripts, writer: fastWriter(batch.redis) },
      redisNowMs: () => now,
      writeWithinMs: 10 * HOUR,
    });
  const hourly = (change: Partial<PutSchedule> = {}): PutSchedule => ({
    ...putScheduleSchema.parse({ cron: "0 * * * *", job: { task: "count", input: { steps: 3 } } }),
    ...change,
  });
  const submit: SubmitScheduled = async ({ id, schedule, by, caller }) => {
    await batch.submitAs(id, { labels: { schedule } }, { by, caller });
    return { kind: "submitted" };
  };
  const from = { by: "test", caller: "test" };
  const jobs = async (): Promise<number> => {
    const page = await batch.reader.list({ states: [], labels: [] }, { cursor: null, limit: 100 });
    return page.kind === "page" ? page.items.length : -1;
  };

  it("SC2, SC4: many that serve at once make one job a time, and what was missed is made up for once", async () => {
    const desk = deskAt();
    expect(await desk.put("nightly", hourly({ overlap: "queue" }), from)).toBe("created");
    expect(await desk.serve(submit)).toBe(0);
    now += HOUR;
    await Promise.all([desk.serve(submit), deskAt().serve(submit), deskAt().serve(submit)]);
    expect(await jobs()).toBe(1);
    now += 50 * HOUR;
    await Promise.all([desk.serve(submit), deskAt().serve(submit)]);
    await desk.serve(submit);
    expect(await jobs()).toBe(2);
    const schedule = await desk.get("nightly");
    expect(schedule?.last).toMatchObject({ outcome: "submitted", at: new Date(now - 1_000).toISOString() });
    expect(schedule?.next).toHaveLength(5);
    expect(Date.parse(schedule?.next[0] ?? "")).toBe(now - 1_000 + HOUR);
    expect((await desk.list(null, 10)).map(({ name }) => name)).toEqual(["nightly"]);
  });

  it("SC3: who dies after it submitted leaves a time that is served again, and makes nothing twice", async () => {
    const desk = deskAt();
    await desk.put("nightly", hourly(), from);
    now += HOUR;
    const dies: SubmitScheduled = async (request) => {
      await submit(request);
      throw new Error("killed here");
    };
    await expect(desk.serve(dies)).rejects.toThrow("killed here");
    expect(await desk.serve(submit)).toBe(1);
    expect(await jobs()).toBe(1);
  });

  it("skips a time while the last job goes on, and says so", async () => {
    const desk = deskAt();
    await desk.put("nightly", hourly(), from);
    now += HOUR;
    await desk.serve(submit);
    now += HOUR;
    await desk.serve(submit);
    const skipped = await desk.get("nightly");
    expect(skipped?.last?.outcome).toBe("skipped");
    await batch.writer.control(skipped?.last?.job ?? "", "cancel", { by: "me" });
    now += HOUR;
    await desk.serve(submit);
    expect((await desk.get("nightly"))?.last?.outcome).toBe("submitted");
    expect(await jobs()).toBe(2);
  });

  it("what is refused then is told there; a changed schedule goes by its new times; a deleted one by none", async () => {
    const desk = deskAt();
    await desk.put("nightly", hourly(), from);
    now += HOUR;
    const refuses: SubmitScheduled = () =>
      Promise.resolve({ kind: "refused", problem: problem("unknown_task", "gone") });
    await desk.serve(refuses);
    expect((await desk.get("nightly"))?.last).toMatchObject({ outcome: "refused", problem: { code: "unknown_task" } });
    expect(await desk.put("nightly", hourly({ cron: "30 * * * *" }), from)).toBe("changed");
    now += HOUR / 2;
    await desk.serve(submit);
    expect(await jobs()).toBe(1);
    expect(await desk.remove("nightly")).toBe(true);
    expect(await desk.remove("nightly")).toBe(false);
    now += HOUR;
    expect(await desk.serve(submit)).toBe(0);
    expect(await desk.get("nightly")).toBeNull();
  });
});
