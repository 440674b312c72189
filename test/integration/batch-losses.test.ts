/** What a batch job is told when workers are lost under it: whose fault it was, and where it goes next. */
import fc from "fast-check";
import { describe, expect } from "vitest";
import { JobEventLog, loadBatchScripts, NOTHING_NEW } from "../../src/batch/batch.ts";
import { isToBlame, oddsOfLoss, QUARANTINE } from "../../src/domain/quarantine.ts";
import { Caretaker, FleetWatch, WorkerPresence, WorkerRegistry } from "../../src/fleet/fleet.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { checkpointCommit, type BatchBench } from "../support/batch-bench.ts";
import { it } from "../support/batch-test.ts";

describe("a batch job that loses its workers", () => {
  it("QU2: is to blame after three on two workers, and says which attempts and where their last words are", async ({
    batch,
  }) => {
    const id = await batch.created();
    for (const worker of ["w1", "w2"]) await lose(batch, worker);
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued", reason: "worker_lost", retries: 0 });
    const { fence, record } = await batch.lease("w1");
    await batch.deskOf("w1").end(id, fence, record, { kind: "runner_lost", detail: "ended by SIGKILL" }, NOTHING_NEW);
    const job = await batch.reader.get(id);
    expect(job).toMatchObject({ state: "failed", reason: "quarantined", attempts: 3, error: { code: "quarantined" } });
    expect(job?.error?.detail).toBe(
      "attempt 1 on w1 (worker_lost), attempt 2 on w2 (worker_lost), attempt 3 on w1 (ended by SIGKILL) ended in a row " +
        "without a checkpoint; what it wrote last is in the log of attempt 3",
    );
    expect((await batch.writer.control(id, "retry", { by: "me" })).kind).toBe("accepted");
    await lose(batch, "w3");
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued" }); // A retry forgets what was.
  });

  it("QU1: is never to blame as long as it makes checkpoints", async ({ batch }) => {
    const id = await batch.created();
    for (let seq = 1; seq <= 6; seq += 1) {
      const { fence } = await batch.lease(`w${seq}`);
      const commit = checkpointCommit(seq, seq === 1 ? null : seq - 1);
      expect((await batch.deskOf(`w${seq}`).commit(id, fence, seq, commit)).kind).toBe("ok");
      await batch.caretaker.takeLeasesFrom(`w${seq}`, null);
    }
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued", attempts: 6 });
  });

  it("the scripts blame as the policy says, at whatever rate workers are lost here", async ({ batch }) => {
    const losses = fc.array(fc.record({ worker: fc.constantFrom("w1", "w2"), heldMs: fc.nat(600_000) }), {
      minLength: 1,
      maxLength: 22,
    });
    await fc.assert(
      fc.asyncProperty(losses, fc.constantFrom(10_000, 60_000, 3_600_000), async (all, mtbfMs) => {
        await batch.redis.hset(batch.keys.failures, "mtbfMs", mtbfMs);
        const id = await batch.created();
        const workers = new Set<string>();
        let odds = 0;
        for (const [at, { worker, heldMs }] of all.entries()) {
          workers.add(worker);
          odds += oddsOfLoss(heldMs, mtbfMs);
          if (Math.abs(odds - QUARANTINE.odds) < 0.05) break; // Too near to tell: the script has a clock of its own.
          await lose(batch, worker, heldMs);
          const blamed = isToBlame({ count: at + 1, workers: workers.size, odds });
          expect((await batch.reader.get(id))?.state).toBe(blamed ? "failed" : "queued");
          if (blamed) return;
        }
        await batch.writer.control(id, "cancel", { by: "me" });
        await (await batch.drawer.draw(["default.count.v1"], "w1"))?.settle();
      }),
      { numRuns: 15 },
    );
  });

  it("goes elsewhere next while another worker can take it, and back when none can", async ({ batch }) => {
    const id = await batch.created();
    await lose(batch, "w1");
    await expect(batch.lease("w1", "others")).rejects.toThrow("avoid");
    await batch.redis.zadd(batch.keys.unleased, 0, id);
    await batch.caretaker.renewTickets(new Set(["default.count.v1"]));
    expect((await batch.lease("w1", "alone")).job).toBe(id);
    await batch.caretaker.takeLeasesFrom("w1", null);
    expect((await batch.lease("w2", "others")).job).toBe(id);
  });

  it("that failed by itself is tried elsewhere too", async ({ batch }) => {
    const id = await batch.created();
    const { fence, record } = await batch.lease("w1");
    const end = { kind: "failed", fault: "error", message: "boom", retryAfterMs: null } as const;
    await batch.deskOf("w1").end(id, fence, record, end, NOTHING_NEW);
    await expect
      .poll(async () => {
        await batch.caretaker.passTime();
        return (await batch.reader.get(id))?.state;
      })
      .toBe("queued");
    await expect(batch.lease("w1", "others")).rejects.toThrow("avoid");
  });

  it("M5: keeps its lease for now when most of the fleet falls silent at once, and has lost nothing if it comes back", async ({
    batch,
  }) => {
    const { redis, keys, pass } = openFleet(batch);
    const names = ["w1", "w2", "w3", "w4"];
    const jobs: string[] = [];
    for (const name of names) {
      jobs.push(await batch.created());
      await batch.lease(name);
    }
    const running = async (): Promise<string[]> => {
      const states = await Promise.all(jobs.map((id) => batch.reader.require(id)));
      return states.filter(({ state }) => state === "running").map(({ id }) => id);
    };

    await pass(500, [...names, "w5"]);
    await pass(2_500, ["w5"]);
    expect(await running()).toHaveLength(3);
    const [spared = ""] = await running();
    const events = new JobEventLog({ redis, keys, scripts: loadBatchScripts() });
    expect(await events.after(spared, 0, 100)).toContainEqual(
      expect.objectContaining({
        type: "worker_silent",
        data: expect.objectContaining({ silent: 4, workers: 5 }) as unknown,
      }),
    );
    expect(await new WorkerRegistry({ redis, keys, redisNowMs: Date.now }).brake()).toEqual({ silent: 4, workers: 5 });
    await pass(1_000, ["w5"]);
    expect(await running()).toHaveLength(2);
    await pass(5_000, [...names, "w5"]); // The network is back.
    expect(await running()).toHaveLength(2);
    await pass(2_500, ["w4", "w5"]); // Now they really die, and nobody waits for ever.
    await pass(5_000, ["w4", "w5"]);
    expect((await running()).length).toBeLessThan(2);
  });

  it("does not wait for a lost worker to be woken", async ({ batch }) => {
    const { redis, keys, drawer } = batch;
    await batch.created();
    await batch.lease("w1");
    await drawer.await(["default.count.v1"], "w1"); // It has a second slot.
    await batch.caretaker.takeLeasesFrom("w1", null);
    expect(await redis.llen(keys.wake("w1"))).toBe(0);
    await drawer.await(["default.count.v1"], "w2");
    await batch.created();
    expect(await redis.llen(keys.wake("w2"))).toBe(1);
  });

  it("D1: loses none while Redis is away, whoever asks first when it is back", async ({ batch }) => {
    const { clock, watch, caretaker, beat, pass } = openFleet(batch);
    const id = await batch.created();
    await batch.lease("w1");
    await pass(500, ["w1", "w2", "w3"]);
    clock.now += 60_000; // the outage: no look has succeeded
    await caretaker.round();
    expect(watch.silent()).toEqual([]);
    await watch.look();
    await caretaker.round();
    clock.now += 400;
    await Promise.all(["w1", "w2", "w3"].map(beat));
    await pass(5_000, ["w1", "w2", "w3"]);
    expect(await batch.reader.get(id)).toMatchObject({ state: "running", attempts: 1 });
    await pass(3_000, ["w2", "w3"]);
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued", reason: "worker_lost" });
  });

  it("D1: loses none while Redis takes no writes, whoever asks first when it does again", async ({ batch }) => {
    const { clock, redis, watch, caretaker, beat, pass } = openFleet(batch);
    const id = await batch.created();
    await batch.lease("w1");
    await pass(500, ["w1", "w2"]);
    await redis.call("CONFIG", "SET", "maxmemory", "1"); // It is full: what is read is answered.
    try {
      for (let n = 0; n < 10; n += 1) {
        clock.now += 500;
        await expect(beat("w1")).rejects.toThrow("OOM");
        await watch.look();
        await expect(caretaker.round()).rejects.toThrow("OOM");
      }
    } finally {
      await redis.call("CONFIG", "SET", "maxmemory", "0");
    }
    await caretaker.round();
    await pass(500, ["w1", "w2"]);
    expect(await batch.reader.get(id)).toMatchObject({ state: "running", attempts: 1 });
    await pass(3_000, ["w2"]);
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued", reason: "worker_lost" });
  });

  it("M3: is given to another though something else of the caretaker's round fails, round after round", async ({
    batch,
  }) => {
    const { clock, redis, keys, watch, caretaker, beat, pass } = openFleet(batch);
    const id = await batch.created();
    await batch.lease("w1");
    await pass(500, ["w1", "w2"]);
    await redis.hset(keys.job("broken"), { state: "scheduled", class: "batch", task: "count" });
    await redis.zadd(keys.due, 0, "broken");
    for (let n = 0; n < 8; n += 1) {
      clock.now += 500;
      await beat("w2");
      await watch.look();
      await expect(caretaker.round()).rejects.toThrow("nil");
    }
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued", reason: "worker_lost" });
  });

  it("a worker that was called lost is shown as lost, and as itself when it beats again", async ({ batch }) => {
    const { redis, keys, beat, pass } = openFleet(batch);
    const registry = new WorkerRegistry({ redis, keys, redisNowMs: Date.now });
    await new WorkerPresence({ redis, keys, workerId: "w1" }).register(
      {
        ...{ format: 1, boot: "b", host: "h", version: "1", zone: null, region: null, labels: {}, pools: ["default"] },
        ...{ tasks: [], startedAt: new Date().toISOString() },
      },
      [],
    );
    await pass(500, ["w1", "w2"]);
    await pass(3_000, ["w2"]);
    expect(await registry.get("w1")).toMatchObject({ state: "lost", pids: { keepers: [], runners: [] } });
    await beat("w1");
    expect(await registry.get("w1")).toMatchObject({ state: "ready" });
  });
});

/** @param heldMs how long ago the lease was granted, as far as the record knows */
async function lose(batch: BatchBench, worker: string, heldMs = 0): Promise<void> {
  const { job } = await batch.lease(worker);
  const [leasedAt] = await batch.redis.hmget(batch.keys.job(job), "leasedAt");
  await batch.redis.hset(batch.keys.job(job), "leasedAt", Number(leasedAt) - heldMs);
  await batch.caretaker.takeLeasesFrom(worker, null);
}

/** A fleet of workers that beat when they are told to, as one caretaker sees it on a clock of the test's. */
function openFleet(batch: BatchBench) {
  const clock = { now: 0, nowMs: Date.now, monotonicMs: () => clock.now, sleep: () => Promise.resolve() };
  const { redis, keys } = batch;
  const logger = createLogger({ level: "silent", process: "test" });
  const raise = (error: unknown): void => {
    throw error;
  };
  const watch = new FleetWatch({ redis, keys, clock, onError: raise });
  const caretaker = new Caretaker({
    ...{ redis, keys, clock, watch, logger, who: "test", batch: batch.caretaker, redisNowMs: Date.now },
    ...{ settleGeneration: () => Promise.resolve(), retain: null, writeMarks: null },
  });
  let counter = 0;
  const beat = (workerId: string) =>
    new WorkerPresence({ redis, keys, workerId }).beat({
      ...{
        format: 1,
        boot: "b",
        counter: (counter += 1),
        state: "ready",
        reason: null,
        replaced: {},
        load: 0,
        loopLagMs: 0,
        store: "answers",
      },
      pids: { agent: 1, replicas: [], keepers: [], runners: [] },
      slots: { online: { total: 0, used: 0 }, batch: { total: 1, used: 1 } },
    });
  const pass = async (ms: number, heard: readonly string[]): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.now += 500;
      await Promise.all(heard.map(beat));
      await watch.look();
      await caretaker.round();
    }
  };
  return { clock, redis, keys, watch, caretaker, beat, pass };
}
