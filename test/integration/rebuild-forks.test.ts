/** Redis is lost, and a job stands on a checkpoint of another: both come back, and neither deletes what is the other's. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect } from "vitest";
import { findLostJobs, rebuildJob, submissionOf, type Lease, type RebuiltJob } from "../../src/batch/batch.ts";
import {
  handedOver,
  openStore,
  writeAttempt,
  writeCheckpoint,
  writeSubmission,
  type CheckpointStore,
  type WrittenCheckpoint,
} from "../../src/checkpoints/checkpoints.ts";
import { fenceText } from "../../src/domain/fence.ts";
import { checkpointCommit, type BatchBench } from "../support/batch-bench.ts";
import { it } from "../support/batch-test.ts";

const SHA = "0".repeat(64);

describe("a fork whose record is lost with Redis", () => {
  let batch: BatchBench;
  let root: string;
  let store: CheckpointStore;
  it.beforeEach(async ({ batch: opened }) => {
    batch = opened;
    root = await mkdtemp(join(tmpdir(), "cairn-rebuild-"));
    store = openStore(`file:${join(root, "store")}`);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  /** A worker leases the job whose turn it is, and its keeper notes that. */
  const begun = async (from: WrittenCheckpoint | null): Promise<Lease> => {
    const lease = await batch.lease("w1");
    const { job, fence, record } = lease;
    await writeSubmission(store, { job, record: submissionOf(record) });
    await writeAttempt(store, fence, {
      ...{ job, attempt: Number(record["attempts"]), round: 0, fence: fenceText(fence), token: fence.token },
      ...{ worker: "w1", zone: "", startedAt: new Date().toISOString() },
      from: from && { seq: from.manifest.seq, manifest: from.name, sha256: from.sha256 },
    });
    return lease;
  };
  const committed = async ({ job, fence }: Lease, parent: WrittenCheckpoint | null): Promise<WrittenCheckpoint> => {
    const seq = (parent?.manifest.seq ?? 0) + 1;
    const save = join(root, `save-${job}-${seq}`);
    await mkdir(save);
    await writeFile(join(save, "state"), `${job} ${seq}`);
    const written = await writeCheckpoint(store, await handedOver(save), {
      ...{ job, task: "count", checkpointVersion: 1, seq, fence, attempt: 1, parent, progress: null, trial: 0 },
      ...{ createdAt: new Date().toISOString(), artifacts: [{ name: "map", sha256: SHA, bytes: 1 }] },
    });
    const { name: manifest, sha256: manifestSha256 } = written;
    const commit = { ...checkpointCommit(seq, parent?.manifest.seq ?? null), manifest, manifestSha256 };
    await batch.deskOf("w1").commit(job, fence, 1, commit);
    return written;
  };
  const forgetAll = async (): Promise<void> => {
    const generation = await batch.redis.hgetall(batch.keys.generation);
    for (const key of await batch.redis.keys(`${batch.keys.root}:*`)) await batch.redis.del(key);
    await batch.redis.hset(batch.keys.generation, generation);
  };
  const found = async (): Promise<readonly RebuiltJob[]> => {
    const jobs: RebuiltJob[] = [];
    for await (const one of findLostJobs({ redis: batch.redis, keys: batch.keys, store })) {
      if (one.kind === "rebuildable") jobs.push(one.job);
    }
    return jobs;
  };
  const rebuild = async (job: RebuiltJob | undefined): Promise<void> => {
    if (job === undefined) throw new Error("not found");
    expect(await rebuildJob(job, { ...batch, store })).toBe("made");
  };
  /** Of the two that wait. */
  const leased = async (id: string): Promise<Lease> => {
    const lease = await batch.lease("w1");
    return lease.job === id ? lease : batch.lease("w1");
  };
  const forkOf = async (id: string): Promise<string> => {
    const fork = await batch.writer.fork(id, { from: "last", by: "me", caller: "me", inputText: null });
    if (fork.kind !== "created") throw new Error(fork.kind);
    return fork.job.id;
  };

  for (const own of [0, 1]) {
    it(`FK1: stands on the other job's checkpoint again, with ${own} of its own`, async () => {
      await batch.created();
      const parent = await begun(null);
      const first = await committed(parent, null);
      const base = await committed(parent, first);
      const id = await forkOf(parent.job);
      const fork = await begun(base);
      expect(fork.job).toBe(id);
      for (let n = 0, last = base; n < own; n += 1) last = await committed(fork, last);

      await forgetAll();
      const jobs = await found();
      const again = jobs.find((job) => job.id === id);
      // Its lineage ends there: what the other job has before that is the other's.
      expect(again?.lineage.at(-1)).toMatchObject({ manifest: base.name, of: parent.job, parent: null });
      expect(again?.lineage).toHaveLength(own + 1);
      // What the other has handed out is not the fork's, and what is not in the store is nobody's.
      expect(again?.artifacts).toEqual({});
      await rebuild(again);
      await rebuild(jobs.find((job) => job.id === parent.job));
      expect(await batch.redis.hgetall(batch.keys.forks(parent.job))).toEqual({ [id]: "2" });
      expect((await batch.writer.remove(parent.job)).kind).toBe("not_final");

      const next = await leased(id);
      expect(next.lineage[0]).toMatchObject(own === 0 ? { seq: 2, of: parent.job } : { seq: 3 });
      const replies = [];
      for (let seq = own + 3; seq < own + 6; seq += 1) {
        const commit = { ...checkpointCommit(seq, seq - 1), manifest: `jobs/${id}/checkpoints/${seq}` };
        replies.push(await batch.deskOf("w1").commit(id, next.fence, 2, commit));
      }
      const freed = replies.flatMap((reply) => (reply.kind === "ok" ? (reply.garbage ?? []) : []));
      expect(freed.filter((name) => !name.startsWith(`jobs/${id}/`))).toEqual([]);
      expect(await batch.redis.exists(batch.keys.forks(parent.job))).toBe(0);
    });
  }

  it("FK1: the other job keeps the checkpoint, though it does not go on from there itself", async () => {
    await batch.created();
    const parent = await begun(null);
    const base = await committed(parent, null);
    const id = await forkOf(parent.job);
    await begun(base);
    const end = { kind: "failed", fault: "not_retryable", message: "no", retryAfterMs: null } as const;
    const nothing = { progress: null, interval: null, account: null };
    await batch.deskOf("w1").end(parent.job, parent.fence, parent.record, end, nothing);
    await batch.writer.control(parent.job, "retry", { by: "me", from: "start" });
    await begun(null);

    await forgetAll();
    const jobs = await found();
    expect(jobs.find((job) => job.id === parent.job)?.lineage).toEqual([]);
    const garbage = `${batch.keys.root}:garbage:${parent.job}`;
    await batch.redis.zadd(garbage, 0, base.name); // As if it lived, and had not deleted it yet.
    await rebuild(jobs.find((job) => job.id === id));
    expect(await batch.redis.zcard(garbage)).toBe(0);
    await rebuild(jobs.find((job) => job.id === parent.job));
    const { job, fence } = await leased(parent.job);
    const reply = await batch.deskOf("w1").commit(job, fence, 3, { ...checkpointCommit(2, null), manifest: "m-2" });
    expect(reply.kind === "ok" && reply.kept).toContain(base.name);
  });
});
