/** Forks of jobs, and what ends every job: on records, on a single Redis and on a Cluster. */
import { describe, expect } from "vitest";
import { NOTHING_NEW } from "../../src/batch/batch.ts";
import { checkpointCommit } from "../support/batch-bench.ts";
import { EVERY_REDIS } from "../support/batch-test.ts";

describe.each(EVERY_REDIS)("forks and deadlines on %s", (_name, it) => {
  it("FK1: a fork begins at a checkpoint of another job, which keeps it until the fork has its own", async ({
    batch,
  }) => {
    const id = await batch.created({ labels: { run: "a" } });
    const parent = await batch.lease("w1");
    const desk = batch.deskOf("w1");
    await desk.commit(id, parent.fence, 1, checkpointCommit(1, null));
    await desk.commit(id, parent.fence, 1, checkpointCommit(2, 1));
    const by = { by: "me", caller: "me", inputText: '{"steps":9}' };
    expect((await batch.writer.fork(id, { from: 7, ...by })).kind).toBe("unknown_checkpoint");
    const forked = await batch.writer.fork(id, { from: 1, labels: { run: "b" }, ...by });
    if (forked.kind !== "created") throw new Error(forked.kind);
    expect(forked.job).toMatchObject({ state: "queued", forkOf: id, input: { steps: 9 }, labels: { run: "b" } });
    expect(forked.job).toMatchObject({ checkpoint: { seq: 1, progress: 10 }, attempts: 0, caller: "me" });

    // The parent goes on; the checkpoint that the fork stands on is not among its garbage.
    const third = await desk.commit(id, parent.fence, 1, checkpointCommit(3, 2));
    expect(third.kind === "ok" && [...(third.kept ?? [])].sort()).toEqual(["manifest-1", "manifest-2", "manifest-3"]);
    const fork = await batch.lease("w2");
    expect(fork.lineage).toMatchObject([{ seq: 1, of: id, parent: null, manifest: "manifest-1" }]);
    const own = (seq: number) => ({ ...checkpointCommit(seq, seq - 1), manifest: `fork-${seq}` });
    await batch.deskOf("w2").commit(fork.job, fork.fence, 1, own(2));
    await batch.writer.control(id, "cancel", { by: "me" });
    await desk.end(id, parent.fence, parent.record, { kind: "interrupted", reason: "worker_draining" }, NOTHING_NEW);
    expect((await batch.writer.remove(id)).kind).toBe("forked");

    // With two of its own the fork needs it no more, and never deletes what is not its own.
    const second = await batch.deskOf("w2").commit(fork.job, fork.fence, 1, own(3));
    expect(second).toMatchObject({ kind: "ok", garbage: [] });
    expect(await batch.redis.exists(batch.keys.forks(id))).toBe(0);
    expect((await batch.writer.remove(id)).kind).toBe("ok");
  });

  it("a fork that is given up lets go of the checkpoint it stood on", async ({ batch }) => {
    const id = await batch.created();
    const parent = await batch.lease("w1");
    await batch.deskOf("w1").commit(id, parent.fence, 1, checkpointCommit(1, null));
    const fork = await batch.writer.fork(id, { from: "last", by: "me", caller: "me", inputText: null });
    if (fork.kind !== "created") throw new Error(fork.kind);
    expect(fork.job.input).toEqual({ steps: 3 });
    await batch.writer.control(fork.job.id, "cancel", { by: "me" });
    await batch.writer.remove(fork.job.id);
    expect(await batch.redis.exists(batch.keys.forks(id))).toBe(0);
  });

  it("past its deadline a job expires from every state it can be in", async ({ batch }) => {
    const mortal = { deadlineMs: 3_600_000 };
    const running = await batch.created({ ...mortal, priority: 9 });
    const { fence, record } = await batch.lease("w1");
    const stopping = await batch.created({ ...mortal, priority: 9 });
    await batch.lease("w1");
    await batch.writer.control(stopping, "stop", { by: "me" });
    const queued = await batch.created(mortal);
    const blocked = await batch.created({ ...mortal, dependsOn: [queued] });
    const scheduled = await batch.created({ ...mortal, runAt: new Date(Date.now() + 60_000).toISOString() });
    const stopped = await batch.created(mortal);
    await batch.writer.control(stopped, "stop", { by: "me" });
    const all = { running, stopping, blocked, scheduled, stopped, queued };
    for (const [state, id] of Object.entries(all)) expect(await batch.reader.get(id)).toMatchObject({ state });
    for (const id of Object.values(all)) await batch.redis.zadd(batch.keys.deadlines, 0, id);
    await batch.caretaker.passTime();
    for (const id of Object.values(all)) {
      expect(await batch.reader.get(id)).toMatchObject({ state: "expired", reason: "deadline_passed" });
    }
    const late = { kind: "succeeded", output: "1", artifacts: [] } as const;
    expect((await batch.deskOf("w1").end(running, fence, record, late, NOTHING_NEW)).kind).toBe("refused");
    // Run again it has no deadline that is over already.
    expect((await batch.writer.control(queued, "retry", { by: "me" })).kind).toBe("accepted");
  });
});
