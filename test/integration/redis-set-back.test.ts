/** Redis comes back: with all it knew, or with the data of an hour ago. Only the first confirms a lease. */
import { cpSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Generation, loadBatchScripts, NOTHING_NEW, type Lease } from "../../src/batch/batch.ts";
import { openStore } from "../../src/checkpoints/checkpoints.ts";
import { compareFences } from "../../src/domain/fence.ts";
import { WorkerPresence } from "../../src/fleet/fleet.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { checkpointCommit, openBatch, type BatchBench } from "../support/batch-bench.ts";
import { eventually } from "../support/eventually.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const UNSETTLED = { name: "RedisFault", cause: { message: "Redis was started anew, and may have lost its memory" } };

describe("a Redis that was started anew", () => {
  let server: TestRedis;
  let folder: string;
  let batch: BatchBench;
  let generation: Generation;
  let witness: WorkerPresence;
  const clock = { now: 0, nowMs: Date.now, monotonicMs: () => clock.now, sleep: () => Promise.resolve() };
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    await server.stop();
    for (const name of ["copy", "store"]) rmSync(`${folder}-${name}`, { recursive: true, force: true });
  });
  beforeEach(async () => {
    batch = await openBatch(server.url);
    const { redis, keys } = batch;
    folder = join(
      tmpdir(),
      String((await redis.config("GET", "dir"))[1])
        .split("/")
        .at(-1) ?? "",
    );
    const logger = createLogger({ level: "silent", process: "test" });
    const store = openStore(`file:${folder}-store`);
    const demandStore = (): Promise<void> => Promise.resolve();
    generation = new Generation({ redis, keys, scripts: loadBatchScripts(), store, demandStore, clock, logger });
    witness = new WorkerPresence({ redis, keys, workerId: "w2", onSetBack: () => generation.declareSetBack() });
  });
  afterEach(() => batch.close());

  let counter = 0;
  const beat = (boot = "b") =>
    witness.beat({
      ...{ format: 1, boot, counter: (counter += 1), state: "ready", reason: null, load: 0, loopLagMs: 0 },
      pids: { agent: 1, replicas: [], keepers: [], runners: [] },
      replaced: {},
      slots: { online: { total: 0, used: 0 }, batch: { total: 1, used: 1 } },
    });
  const restart = async (between: () => void): Promise<void> => {
    await server.kill();
    between();
    await server.restart();
    await eventually("Redis answers", () => batch.redis.ping().catch(() => null));
  };
  const settle = async (): Promise<void> => {
    await generation.settle();
    clock.now += 5_000;
    await generation.settle();
  };
  const renew = (worker: string, { job, fence }: Lease) => batch.deskOf(worker).renew(job, fence, NOTHING_NEW);

  it("with all it knew lets attempts go on, when nobody knows more", async () => {
    const id = await batch.created();
    const lease = await batch.lease("w1");
    await beat();
    await restart(() => undefined);
    await expect(renew("w1", lease)).rejects.toMatchObject(UNSETTLED);
    expect(await batch.deskOf("w1").commit(id, lease.fence, 1, checkpointCommit(1, null))).toMatchObject({
      kind: "unreachable",
    });
    await beat();
    await settle();
    expect(await renew("w1", lease)).toMatchObject({ kind: "held" });
    expect((await batch.deskOf("w1").commit(id, lease.fence, 1, checkpointCommit(1, null))).kind).toBe("ok");
    await batch.caretaker.takeVoidLeases();
    expect(await batch.reader.get(id)).toMatchObject({ state: "running", attempts: 1 });
  });

  it("is not taken for older data by a worker that was called lost meanwhile", async () => {
    await batch.created();
    const lease = await batch.lease("w1");
    await beat();
    await restart(() => undefined);
    await new WorkerPresence({ redis: batch.redis, keys: batch.keys, workerId: "w2" }).succeedLost();
    await beat();
    await settle();
    expect(await renew("w1", lease)).toMatchObject({ kind: "held" });
  });

  it("with data from before a worker started is found out by that worker", async () => {
    await batch.created();
    const lease = await batch.lease("w1");
    await beat("before");
    await restart(() => cpSync(folder, `${folder}-copy`, { recursive: true }));
    witness = new WorkerPresence({ ...batch, workerId: "w2", onSetBack: () => generation.declareSetBack() });
    await beat();
    await settle();
    await restart(() => {
      rmSync(folder, { recursive: true });
      cpSync(`${folder}-copy`, folder, { recursive: true });
    });
    await beat();
    await settle();
    expect(await renew("w1", lease)).toEqual({ kind: "lost" });
  });

  it("with older data revives no old owner, and hands out no fence twice", async () => {
    const id = await batch.created();
    const old = await batch.lease("w1");
    await beat();
    await restart(() => cpSync(folder, `${folder}-copy`, { recursive: true }));
    await beat();
    await settle();
    // The owner is lost and replaced, which the copy does not know.
    await batch.caretaker.takeLeasesFrom("w1", null);
    const young = await batch.lease("w2");
    expect((await batch.deskOf("w2").commit(id, young.fence, 2, checkpointCommit(1, null))).kind).toBe("ok");
    await beat();
    await restart(() => {
      rmSync(folder, { recursive: true });
      cpSync(`${folder}-copy`, folder, { recursive: true });
    });

    await expect(renew("w1", old)).rejects.toMatchObject(UNSETTLED);
    await beat(); // w2's agent knows a beat of its own that this Redis does not
    await settle();
    expect(await renew("w1", old)).toEqual({ kind: "lost" });
    expect((await batch.deskOf("w1").commit(id, old.fence, 1, checkpointCommit(1, null))).kind).toBe("refused");
    expect((await batch.deskOf("w1").verify(id, old.fence)).kind).toBe("refused");
    expect(await renew("w2", young)).toEqual({ kind: "lost" });
    await batch.caretaker.takeVoidLeases();
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued", reason: "redis_set_back", retries: 0 });
    const next = await batch.lease("w3");
    for (const earlier of [old, young]) expect(compareFences(next.fence, earlier.fence)).toBeGreaterThan(0);
    expect(await renew("w3", next)).toMatchObject({ kind: "held" });
  });
});
