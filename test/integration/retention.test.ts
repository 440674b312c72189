/** What is forgotten and deleted, and what happens when whoever does it is killed in between. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findLostJobs, NOTHING_NEW, retain } from "../../src/batch/batch.ts";
import { openStore, storeNames, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/domain/limits.ts";
import { checkpointCommit, openBatch, type BatchBench } from "../support/batch-bench.ts";
import { startRedis } from "../support/redis.ts";

const SHA = "0".repeat(64);

type Deletable = Pick<CheckpointStore, "list" | "delete">;

describe("retention", () => {
  let server: { readonly url: string; stop(): Promise<void> };
  let batch: BatchBench;
  let root: string;
  let store: CheckpointStore;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    batch = await openBatch(server.url);
    root = await mkdtemp(join(tmpdir(), "cairn-retention-"));
    store = openStore(`file:${root}`);
  });
  afterEach(async () => {
    await batch.close();
    await rm(root, { recursive: true, force: true });
  });

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
});
