/** What is forgotten and deleted, and what happens when whoever does it is killed in between. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect } from "vitest";
import { deleteFilesOf, findLostJobs, NOTHING_NEW, retain, submissionOf, writeMarks } from "../../src/batch/batch.ts";
import {
  openStore,
  settleOutcome,
  StoreFault,
  storeNames,
  writeAttempt,
  writeSubmission,
  type CheckpointStore,
} from "../../src/checkpoints/checkpoints.ts";
import { fenceText } from "../../src/domain/fence.ts";
import { elementId } from "../../src/domain/array-element.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/domain/limits.ts";
import { checkpointCommit, type BatchBench } from "../support/batch-bench.ts";
import { it } from "../support/batch-test.ts";

const SHA = "0".repeat(64);

type Deletable = Pick<CheckpointStore, "list" | "delete">;

describe("retention", () => {
  let batch: BatchBench;
  let root: string;
  let store: CheckpointStore;
  it.beforeEach(async ({ batch: opened }) => {
    batch = opened;
    root = await mkdtemp(join(tmpdir(), "cairn-retention-"));
    store = openStore(`file:${root}`);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  /** A job that was cancelled with a checkpoint, and has an artifact in the store. */
  const ended = async () => {
    const id = await batch.created();
    const lease = await batch.lease("w1");
    const manifest = storeNames.manifestName(id, 1, lease.fence, 0);
    const names = [manifest, storeNames.objectName(id, SHA, lease.fence), storeNames.artifactName(id, "map.png", SHA)];
    for (const name of names) await store.create(name, Buffer.from(name));
    await batch.deskOf("w1").commit(id, lease.fence, 1, { ...checkpointCommit(1, null), manifest });
    await batch.writer.control(id, "cancel", { by: "me" });
    const end = { kind: "interrupted", reason: "worker_draining" } as const;
    await batch.deskOf("w1").end(id, lease.fence, lease.record, end, NOTHING_NEW);
    return { id, names, artifact: names[2]! };
  };
  const run = (limits: Partial<Limits>, options: { readonly into?: Deletable; readonly laterMs?: number } = {}) =>
    retain({
      ...{ redis: batch.redis, keys: batch.keys, scripts: batch.scripts, garbageDelayMs: 600_000 },
      store: options.into ?? store,
      limits: { ...DEFAULT_LIMITS, ...limits },
      redisNowMs: () => Date.now() + (options.laterMs ?? 0),
    });
  const left = async (id: string): Promise<string[]> => {
    const names: string[] = [];
    for await (const name of store.list(storeNames.jobFolder(id))) names.push(name);
    return names;
  };
  /** As if its process were killed at the first deletion. */
  const killed = (): Deletable => ({
    list: (prefix) => store.list(prefix),
    delete: () => Promise.reject(new Error("killed")),
  });

  it("O1: what was forgotten by somebody who was killed before it was deleted is deleted by the next", async () => {
    const { id, artifact } = await ended();
    await expect(run({ finalCheckpointTtlMs: 0 }, { into: killed() })).rejects.toThrow("killed");
    expect(await batch.reader.get(id)).toMatchObject({ state: "cancelled", checkpoint: null });
    expect(await left(id)).toHaveLength(3);
    expect(await run({})).toEqual({ swept: 0, removed: 0, purged: 1 });
    expect(await left(id)).toEqual([artifact]);
    expect(await batch.redis.zcard(batch.keys.purge)).toBe(0);
  });

  it("O4: what cannot be deleted keeps nothing else from it, and is tried again later", async () => {
    const [bad, good] = [await ended(), await ended()];
    await batch.redis.zadd(batch.keys.purge, 1, bad.id, 2, good.id);
    const into: Deletable = {
      list: (prefix) => store.list(prefix),
      delete: (name) =>
        name.includes(bad.id) ? Promise.reject(new StoreFault("unavailable", "EIO")) : store.delete(name),
    };
    await expect(run({}, { into })).rejects.toThrow("EIO");
    expect([await left(bad.id), await left(good.id)]).toEqual([expect.arrayContaining([bad.artifact]), []]);
    expect(await run({}, { laterMs: 599_000 })).toMatchObject({ purged: 0 });
    expect(await run({}, { laterMs: 601_000 })).toMatchObject({ purged: 1 });
    expect(await left(bad.id)).toEqual([]);
  });

  it("MK3: a job whose folder takes nothing keeps the store from hearing of no other", async () => {
    const [bad, good] = [await ended(), await ended()];
    for (const { id } of [bad, good]) await store.create(storeNames.jobFileName(id), Buffer.from("{}"));
    await writeFile(join(root, storeNames.markFolder(bad.id).slice(0, -1)), ""); // Its place is taken.
    const { redis, keys } = batch;
    const write = () => writeMarks({ redis, keys, store }).catch((error: unknown) => error);
    expect(await write()).toBeInstanceOf(StoreFault);
    expect((await left(good.id)).filter((name) => name.includes("cancelled"))).toHaveLength(1);
    expect(await redis.zrange(keys.unmarked, 0, "-1")).toEqual([bad.id]);
  });

  it("O1: however much of a job is deleted when Redis is lost too, it does not come back unfinished", async () => {
    const id = await batch.created();
    const { fence, record } = await batch.lease("w1");
    const names = [storeNames.artifactName(id, "map.png", SHA), storeNames.objectName(id, SHA, fence)];
    for (const name of names) await store.create(name, Buffer.from(name));
    await writeSubmission(store, { job: id, record: submissionOf(record) });
    const at = new Date().toISOString();
    const trace = { job: id, attempt: 1, round: 0, fence: fenceText(fence), token: fence.token };
    await writeAttempt(store, fence, { ...trace, worker: "w1", zone: "", startedAt: at, from: null });
    const end = { kind: "succeeded", output: "1", artifacts: [], progress: null } as const;
    await settleOutcome(store, { format: 1, ...trace, at, end: { ...end, artifacts: [] } });
    for (const key of await batch.redis.keys(`${batch.keys.root}:*`)) await batch.redis.del(key);
    const found = async (): Promise<unknown[]> => {
      const states: unknown[] = [];
      for await (const one of findLostJobs({ redis: batch.redis, keys: batch.keys, store })) {
        states.push(one.kind === "rebuildable" ? one.job.state : one.kind);
      }
      return states;
    };
    expect(await found()).toEqual(["succeeded"]);
    let rest = (await left(id)).length;
    for (; rest > 0; rest -= 1) {
      let deleted = 0;
      const dying: Deletable = {
        list: (prefix) => store.list(prefix),
        delete: (name) => ((deleted += 1) > 1 ? Promise.reject(new Error("killed")) : store.delete(name)),
      };
      await deleteFilesOf(dying, id).catch(() => undefined);
      expect(["hopeless", undefined]).toContain((await found())[0]);
    }
    expect(await left(id)).toEqual([]);
  });

  it("O2: a job's files go ten minutes after its record, so that a download that has begun can be ended", async () => {
    const { id, names } = await ended();
    expect(await run({ finalRecordCount: 0 })).toMatchObject({ removed: 1, purged: 0 });
    expect(await batch.reader.get(id)).toBeNull();
    expect(await left(id)).toHaveLength(names.length);
    // Meanwhile nobody takes it for a job that Redis has lost.
    const found: string[] = [];
    for await (const lost of findLostJobs({ redis: batch.redis, keys: batch.keys, store })) found.push(lost.kind);
    expect(found).toEqual([]);
    expect(await run({}, { laterMs: 599_000 })).toMatchObject({ purged: 0 });
    expect(await run({}, { laterMs: 601_000 })).toMatchObject({ purged: 1 });
    expect(await left(id)).toEqual([]);
  });

  it("O3: what a retry stores while the old checkpoints are being deleted stays", async () => {
    const { id, artifact } = await ended();
    await expect(run({ finalCheckpointTtlMs: 0 }, { into: killed() })).rejects.toThrow("killed");
    await batch.writer.control(id, "retry", { by: "me" });
    const { fence } = await batch.lease("w1");
    const newer = [storeNames.manifestName(id, 2, fence, 0), storeNames.objectName(id, SHA, fence)];
    for (const name of newer) await store.create(name, Buffer.from(name));
    expect(await run({})).toMatchObject({ purged: 1 });
    expect(await left(id)).toEqual([artifact, ...newer].sort());
  });

  it("versions of an artifact that newer ones replaced are handed out to be deleted, unless they came back", async () => {
    const id = await batch.created();
    const { fence } = await batch.lease("w1");
    let seq = 0;
    const commit = async (...versions: readonly [string, string][]) => {
      seq += 1;
      const artifacts = versions.map(([name, digit]) => ({ name, sha256: digit.repeat(64), bytes: 1 }));
      const parent = seq === 1 ? null : seq - 1;
      const reply = await batch.deskOf("w1").commit(id, fence, 1, { ...checkpointCommit(seq, parent), artifacts });
      return reply.kind === "ok" ? reply.oldArtifacts : null;
    };
    expect(await commit(["map", "a"], ["log", "b"])).toEqual([]);
    expect(await commit(["map", "a"])).toEqual([]);
    expect(await commit(["map", "c"], ["log", "d"])).toEqual([`log/${"b".repeat(64)}`, `map/${"a".repeat(64)}`]);
    await batch.redis.zadd(`${batch.keys.root}:old-artifacts:${id}`, Date.now() - 1, `map/${"a".repeat(64)}`);
    expect(await commit(["map", "a"])).toEqual([`map/${"c".repeat(64)}`]);
    expect(await commit()).toEqual([]);
  });

  it("a version that comes back with the end of a job is not deleted when the job is run again", async () => {
    const id = await batch.created();
    const version = (digit: string) => ({ name: "map", sha256: digit.repeat(64), bytes: 1 });
    const { fence, record } = await batch.lease("w1");
    const desk = batch.deskOf("w1");
    await desk.commit(id, fence, 1, { ...checkpointCommit(1, null), artifacts: [version("a")] });
    await batch.redis.hset(batch.keys.artifacts(id), "map", JSON.stringify({ ...version("b"), at: 1, attempt: 1 }));
    await batch.redis.zadd(`${batch.keys.root}:old-artifacts:${id}`, Date.now() - 1, `map/${"a".repeat(64)}`);
    const end = { kind: "succeeded", output: "1", artifacts: [version("a")] } as const;
    await desk.end(id, fence, record, end, NOTHING_NEW);
    await batch.writer.control(id, "retry", { by: "me" });
    const again = await batch.lease("w1");
    const reply = await desk.commit(id, again.fence, 2, checkpointCommit(2, 1));
    expect(reply).toMatchObject({ kind: "ok", oldArtifacts: [] });
  });

  it("one that falls behind catches up, past a job that a fork still needs", async () => {
    const { id } = await ended();
    await batch.redis.hset(batch.keys.forks(id), "fork", "1");
    const others: string[] = [];
    for (let n = 0; n < 60; n += 1) {
      const other = await batch.created();
      await batch.writer.control(other, "cancel", { by: "me" });
      others.push(other);
    }
    expect(await run({ finalRecordCount: 0 })).toMatchObject({ removed: 60 });
    expect(await batch.reader.get(id)).not.toBeNull();
    for (const other of others) expect(await batch.reader.get(other)).toBeNull();
  });

  describe("what an unfinished job names", () => {
    const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
    /** Succeeded, with an artifact and a checkpoint. */
    const published = async (): Promise<string> => {
      const id = await batch.created({ priority: 9 });
      const { job, fence, record } = await batch.lease("w1");
      expect(job).toBe(id);
      await store.create(storeNames.artifactName(id, "mesh.dat", SHA), Buffer.from("mesh"));
      const manifest = storeNames.manifestName(id, 1, fence, 0);
      await store.create(manifest, Buffer.from(manifest));
      await batch.deskOf("w1").commit(id, fence, 1, { ...checkpointCommit(1, null), manifest });
      const artifacts = [{ name: "mesh.dat", sha256: SHA, bytes: 4 }];
      await batch.deskOf("w1").end(id, fence, record, { kind: "succeeded", output: "1", artifacts }, NOTHING_NEW);
      return id;
    };
    const everything = { finalRecordCount: 0, finalCheckpointTtlMs: 0 };
    /** Time enough for everything that somebody has put off. */
    const muchLater = async (): Promise<void> => {
      for (const id of await batch.redis.zrange(batch.keys.kept, 0, "-1"))
        await batch.redis.zadd(batch.keys.kept, 1, id);
    };
    const expectNothingHeld = async (): Promise<void> => {
      const { root, kept } = batch.keys;
      const held = await Promise.all(["named", "awaited"].map((how) => batch.redis.keys(`${root}:${how}:*`)));
      expect([...held.flat(), ...(await batch.redis.zrange(kept, 0, "-1"))]).toEqual([]);
    };
    const artifactOf = (id: string) => batch.deskOf("w1").artifact(id, "mesh.dat");

    it("RT1: is kept until that job is final: of one in its input record, artifacts and checkpoints, of one it waits for all but the checkpoints", async () => {
      const [named, awaited, neither] = [await published(), await published(), await published()];
      const child = await batch.created({ runAt: inAnHour(), input: { from: named }, dependsOn: [awaited] });
      expect(await run(everything, { laterMs: 601_000 })).toMatchObject({ removed: 1 });
      expect(await batch.reader.get(neither)).toBeNull();
      for (const parent of [named, awaited]) {
        expect(await batch.reader.get(parent)).toMatchObject({ state: "succeeded" });
        expect(await artifactOf(parent)).toMatchObject({ kind: "ok", artifact: { sha256: SHA, bytes: 4 } });
        expect(await left(parent)).toContain(storeNames.artifactName(parent, "mesh.dat", SHA));
      }
      expect((await batch.reader.get(named))?.checkpoint).not.toBeNull();
      expect((await batch.reader.get(awaited))?.checkpoint).toBeNull();
      expect(await batch.writer.remove(named)).toEqual({ kind: "needed", by: child });
      expect(await batch.writer.remove(awaited)).toEqual({ kind: "needed", by: child });
      await batch.writer.control(child, "stop", { by: "me" });
      await muchLater();
      expect(await run(everything)).toMatchObject({ removed: 0 });

      await batch.writer.control(child, "cancel", { by: "me" });
      await muchLater();
      expect(await run(everything)).toMatchObject({ removed: 3 });
      for (const id of [named, awaited, child]) expect(await batch.reader.get(id)).toBeNull();
      await expectNothingHeld();
    });

    it("is kept again when that job is retried, and for a fork with the same input", async () => {
      const named = await published();
      const child = await batch.created({ input: { from: named } });
      await batch.writer.control(child, "cancel", { by: "me" });
      await batch.writer.control(child, "retry", { by: "me" });
      expect(await batch.writer.remove(named)).toEqual({ kind: "needed", by: child });
      const fork = await batch.writer.fork(child, { from: "start", inputText: null, by: "me", caller: "me" });
      if (fork.kind !== "created") throw new Error(fork.kind);
      await batch.writer.control(child, "cancel", { by: "me" });
      expect(await batch.writer.remove(named)).toEqual({ kind: "needed", by: fork.job.id });
      await batch.writer.control(fork.job.id, "cancel", { by: "me" });
      expect(await batch.writer.remove(named)).toEqual({ kind: "ok" });
      await expectNothingHeld();
    });

    it("RT1: is kept for each element of an array, however many jobs it names", async () => {
      const named = await published();
      const others = Array.from({ length: 60 }, (_, index) => elementId(named, index));
      const array = await batch.submitArray({ count: 10 }, { input: { from: named, others }, runAt: inAnHour() });
      if (array.kind !== "created") throw new Error(array.kind);
      expect(array.array).toMatchObject({ created: 10 });
      expect(await batch.redis.scard(batch.keys.named(named))).toBe(10);
      await batch.arrays.control(batch.writer, array.array.id, "cancel", "me");
      await expectNothingHeld();
    });

    it("RT2: an array that is waited for keeps its elements, however many, and they keep nobody else", async () => {
      const outcome = await batch.submitArray({ count: 40 });
      if (outcome.kind !== "created") throw new Error(outcome.kind);
      const { id } = outcome.array;
      const after = await batch.created({ dependsOn: [{ job: id, onFailure: "run" }], runAt: inAnHour() });
      await batch.arrays.control(batch.writer, id, "cancel", "me");
      await batch.graph.tell(id);
      const other = await batch.created();
      await batch.writer.control(other, "cancel", { by: "me" });
      expect(await run({ finalRecordCount: 0 })).toMatchObject({ removed: 1 });
      expect(await batch.reader.get(other)).toBeNull();
      expect(await batch.arrays.get(id)).toMatchObject({ states: { cancelled: 40 } });
      expect(await batch.redis.zcard(batch.keys.finals)).toBe(0);
      expect(await batch.writer.remove(elementId(id, 7))).toEqual({ kind: "needed", by: after });
      await batch.writer.control(after, "cancel", { by: "me" });
      await muchLater();
      expect(await run({ finalRecordCount: 0 })).toMatchObject({ removed: 41 });
      expect(await batch.arrays.get(id)).toBeNull();
      await expectNothingHeld();
    });
  });
});
