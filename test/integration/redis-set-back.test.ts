/**
 * Redis comes back: with all it knew, or with the data of an hour ago. The first confirms all leases; of the second an
 * owner is affirmed of whom nobody knows a newer one.
 */
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
import { countDigest, Fleet } from "../support/fleet.ts";
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
      ...{
        format: 1,
        boot,
        counter: (counter += 1),
        state: "ready",
        reason: null,
        store: "answers",
        load: 0,
        loopLagMs: 0,
      },
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
  const toTheCopy = (): void => {
    rmSync(folder, { recursive: true });
    cpSync(`${folder}-copy`, folder, { recursive: true });
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
    await restart(toTheCopy);
    await beat();
    await settle();
    expect(await renew("w1", lease)).toMatchObject({ kind: "void", nextSeq: 1 });
  });

  it("with older data affirms an owner, who says again what it had committed", async () => {
    const id = await batch.created();
    const lease = await batch.lease("w1");
    const desk = batch.deskOf("w1");
    const commit = (seq: number) => desk.commit(id, lease.fence, 1, checkpointCommit(seq, seq === 1 ? null : seq - 1));
    expect((await commit(1)).kind).toBe("ok");
    await beat();
    await restart(() => cpSync(folder, `${folder}-copy`, { recursive: true }));
    await beat();
    await settle();
    for (const seq of [2, 3]) expect((await commit(seq)).kind).toBe("ok");
    await beat();
    await restart(toTheCopy);
    await beat();
    await settle();

    const renewal = await renew("w1", lease);
    expect(renewal).toMatchObject({ kind: "void", nextSeq: 2 });
    const { below } = renewal as Extract<typeof renewal, { kind: "void" }>;
    // Writes wait, and are not refused.
    expect((await commit(4)).kind).toBe("unreachable");
    expect((await desk.verify(id, lease.fence)).kind).toBe("unreachable");
    await batch.caretaker.takeVoidLeases();
    expect(await desk.voids.affirm(id, { ...lease.fence, token: "another" }, below)).toBe("lost");
    // AF5: who asked before another loss is not affirmed for this one.
    expect(await desk.voids.affirm(id, lease.fence, below - 1)).toBe("affirmed");
    expect(await renew("w1", lease)).toMatchObject({ kind: "void" });
    expect(await desk.voids.affirm(id, lease.fence, below)).toBe("affirmed");
    expect(await renew("w1", lease)).toMatchObject({ kind: "held" });
    for (const seq of [2, 3, 4]) expect((await commit(seq)).kind).toBe("ok");
    await desk.voids.giveUp(id, lease.fence);
    await batch.caretaker.takeVoidLeases();
    expect(await batch.reader.get(id)).toMatchObject({
      ...{ state: "running", attempts: 1, checkpoint: { seq: 4 }, staleWritesRefused: 0 },
    });
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
    await restart(toTheCopy);

    await expect(renew("w1", old)).rejects.toMatchObject(UNSETTLED);
    await beat(); // w2's agent knows a beat of its own that this Redis does not
    await settle();
    // Redis takes the old one for the owner. The store knows the young one (AF2), so it gives up.
    expect(await renew("w1", old)).toMatchObject({ kind: "void" });
    expect((await batch.deskOf("w1").commit(id, old.fence, 1, checkpointCommit(1, null))).kind).toBe("unreachable");
    expect(await renew("w2", young)).toEqual({ kind: "lost" });
    expect((await batch.deskOf("w2").commit(id, young.fence, 2, checkpointCommit(2, 1))).kind).toBe("refused");
    await batch.deskOf("w1").voids.giveUp(id, old.fence);
    expect((await batch.deskOf("w1").commit(id, old.fence, 1, checkpointCommit(1, null))).kind).toBe("refused");
    expect((await batch.deskOf("w1").verify(id, old.fence)).kind).toBe("refused");
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued", reason: "redis_set_back", retries: 0 });
    const next = await batch.lease("w3");
    for (const earlier of [old, young]) expect(compareFences(next.fence, earlier.fence)).toBeGreaterThan(0);
    expect(await renew("w3", next)).toMatchObject({ kind: "held" });
  });
});

describe("a fleet whose Redis comes back with older data", () => {
  let fleet: Fleet;
  let copy: string;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 1, settings: { CAIRN_ONLINE_SLOTS: "0" } });
    copy = `${fleet.redis.dataDir}-copy`;
  });
  afterAll(async () => {
    await fleet.stop();
    rmSync(copy, { recursive: true, force: true });
  });

  it("restarts no running job: its attempt is affirmed, and goes on with the checkpoints that Redis has forgotten", async () => {
    const { client, redis } = fleet;
    const input = { steps: 300, stepMs: 20 };
    const { job } = await client.submit({ task: "count", input, checkpoint: { intervalMs: 200 } });
    const { checkpoint } = await fleet.running(job.id);
    cpSync(redis.dataDir, copy, { recursive: true, filter: (path) => !path.endsWith(".lock") });
    const before = checkpoint?.seq ?? 0;
    await fleet.job(job.id, "has newer checkpoints", (seen) => (seen.checkpoint?.seq ?? 0) >= before + 2);
    await redis.kill();
    rmSync(redis.dataDir, { recursive: true });
    cpSync(copy, redis.dataDir, { recursive: true });
    await redis.restart();
    const end = await fleet.job(job.id, "ends", ({ state }) => state === "succeeded" || state === "failed");
    expect(end).toMatchObject({
      ...{ state: "succeeded", attempts: 1, staleWritesRefused: 0, output: { digest: countDigest(300) } },
    });
    const events: string[] = [];
    for await (const { type } of client.history(job.id)) events.push(type);
    expect(events).toContain("affirmed");
  });
});
