import { describe, expect } from "vitest";
import { JobEventLog, loadBatchScripts, NOTHING_NEW } from "../../src/batch/batch.ts";
import { checkpointCommit } from "../support/batch-bench.ts";
import { EVERY_REDIS } from "../support/batch-test.ts";

const PROGRESS = { completed: 1, total: null, unit: "steps", ratePerSecond: null };
describe.each(EVERY_REDIS)("batch records on %s", (_name, it) => {
  it("a submitted job is queued, leased once, and ends with its output", async ({ batch }) => {
    const id = await batch.created({ labels: { run: "a" } });
    expect(await batch.reader.get(id)).toMatchObject({
      state: "queued",
      reason: "waiting_for_slot",
      input: { steps: 3 },
    });
    const { fence, record } = await batch.lease("w1");
    expect(await batch.reader.get(id)).toMatchObject({ state: "running", worker: "w1", attempts: 1 });
    const end = { kind: "succeeded", output: '{"n":1}', artifacts: [] } as const;
    const reply = await batch.deskOf("w1").end(id, fence, record, end, NOTHING_NEW);
    expect(reply.kind).toBe("ok");
    // Said twice, because the answer did not come.
    expect((await batch.deskOf("w1").end(id, fence, record, end, NOTHING_NEW)).kind).toBe("ok");
    // On its way when the attempt ended.
    expect(await batch.deskOf("w1").renew(id, fence, { ...NOTHING_NEW, progress: PROGRESS })).toEqual({ kind: "lost" });
    expect(await batch.reader.get(id)).toMatchObject({ state: "succeeded", output: { n: 1 }, staleWritesRefused: 0 });
    expect(await batch.reader.attempts(id)).toMatchObject([{ number: 1, outcome: "succeeded", worker: "w1" }]);
  });

  it("F2: writes of an attempt that lost its lease are refused and counted", async ({ batch }) => {
    const id = await batch.created();
    const old = await batch.lease("w1");
    expect(await batch.caretaker.takeLeasesFrom("w1", null)).toBe(1);
    const desk = batch.deskOf("w1");
    expect((await desk.commit(id, old.fence, 1, checkpointCommit(1, null))).kind).toBe("refused");
    expect((await desk.verify(id, old.fence)).kind).toBe("refused");
    expect((await desk.renew(id, old.fence, { ...NOTHING_NEW, progress: PROGRESS })).kind).toBe("lost");
    expect(
      (await desk.end(id, old.fence, old.record, { kind: "succeeded", output: "1", artifacts: [] }, NOTHING_NEW)).kind,
    ).toBe("refused");
    expect(await batch.reader.get(id)).toMatchObject({
      state: "queued",
      reason: "worker_lost",
      staleWritesRefused: 4,
      retries: 0,
    });
    const next = await batch.lease("w2");
    expect(next.fence.counter).toBe(old.fence.counter + 1);
    expect(await batch.reader.attempts(id)).toMatchObject([
      { number: 2, outcome: "running", worker: "w2" },
      { number: 1, outcome: "lost", reason: "worker_lost" },
    ]);
  });

  it("an attempt has done what the checkpoint holds that it starts from, and nothing without one", async ({
    batch,
  }) => {
    const id = await batch.created();
    const progress = { completed: 1_295, total: 1_500, unit: "steps", ratePerSecond: 2 };
    const first = await batch.lease("w1");
    await batch.deskOf("w1").renew(id, first.fence, { ...NOTHING_NEW, progress });
    await batch.caretaker.takeLeasesFrom("w1", null);
    const second = await batch.lease("w2");
    expect(await batch.reader.get(id)).toMatchObject({ attempts: 2, progress: null });

    await batch.deskOf("w2").commit(id, second.fence, 1, checkpointCommit(1, null));
    await batch.deskOf("w2").renew(id, second.fence, { ...NOTHING_NEW, progress });
    await batch.caretaker.takeLeasesFrom("w2", null);
    await batch.lease("w3");
    expect(await batch.reader.get(id)).toMatchObject({ progress: { completed: 10, total: 1_500, unit: "steps" } });
  });

  it("a committed checkpoint is where the next attempt starts, along the lineage", async ({ batch }) => {
    const id = await batch.created();
    const first = await batch.lease("w1");
    const desk = batch.deskOf("w1");
    for (const seq of [1, 2, 3]) {
      expect((await desk.commit(id, first.fence, 1, checkpointCommit(seq, seq === 1 ? null : seq - 1))).kind).toBe(
        "ok",
      );
    }
    // Said twice, because an answer did not come, it is the same commit; another one of that number is refused.
    expect((await desk.commit(id, first.fence, 1, checkpointCommit(3, 2))).kind).toBe("ok");
    const other = { ...checkpointCommit(3, 2), manifest: "other", manifestSha256: "f".repeat(64) };
    expect((await desk.commit(id, first.fence, 1, other)).kind).toBe("refused");
    await batch.caretaker.takeLeasesFrom("w1", null);
    const second = await batch.lease("w2");
    expect(second.lineage.map(({ seq }) => seq)).toEqual([3, 2]);
    expect(await batch.reader.get(id)).toMatchObject({ checkpoint: { seq: 3, progress: 30 } });

    expect((await batch.deskOf("w2").setAside(id, second.fence, 3, "damaged")).kind).toBe("ok");
    expect(await batch.reader.get(id)).toMatchObject({ checkpoint: { seq: 2 } });
    expect(await batch.reader.checkpoints(id)).toMatchObject([
      { seq: 3, state: "set_aside" },
      { seq: 2, state: "committed" },
    ]);
  });

  it("of attempts the newest thousand are kept: one that waits for a disk for days makes many more", async ({
    batch,
  }) => {
    const id = await batch.created();
    await batch.redis.hset(batch.keys.job(id), "attempts", 1_004);
    for (const number of [1, 5, 6, 1_004]) {
      const attempt = JSON.stringify({ number, startedAt: 0, endedAt: 0 });
      await batch.redis.hset(batch.keys.attempts(id), number, attempt);
    }
    await batch.lease("w1");
    const numbers = (await batch.reader.attempts(id))?.map(({ number }) => number);
    expect(numbers).toEqual([1_005, 1_004, 6, 1]);
  });

  it("what is no longer kept becomes garbage and is handed to the lease holder", async ({ batch }) => {
    const id = await batch.created();
    const { fence } = await batch.lease("w1");
    const desk = batch.deskOf("w1");
    await desk.commit(id, fence, 1, checkpointCommit(1, null));
    await desk.commit(id, fence, 1, checkpointCommit(2, 1));
    const third = await desk.commit(id, fence, 1, checkpointCommit(3, 2));
    expect(third).toMatchObject({ kind: "ok", garbage: ["manifest-1"] });
    expect(third.kind === "ok" && [...(third.kept ?? [])].sort()).toEqual(["manifest-2", "manifest-3"]);
  });

  it("after a retry from an older checkpoint that one is kept: it is what a damaged newer one falls back to", async ({
    batch,
  }) => {
    const id = await batch.created();
    const first = await batch.lease("w1");
    for (const seq of [1, 2]) {
      await batch.deskOf("w1").commit(id, first.fence, 1, checkpointCommit(seq, seq === 1 ? null : seq - 1));
    }
    const end = { kind: "failed", fault: "not_retryable", message: "no", retryAfterMs: null } as const;
    await batch.deskOf("w1").end(id, first.fence, first.record, end, NOTHING_NEW);
    await batch.writer.control(id, "retry", { by: "t", from: 1 });
    const second = await batch.lease("w1");
    expect(second.lineage.map(({ seq }) => seq)).toEqual([1]);
    const third = await batch.deskOf("w1").commit(id, second.fence, 2, checkpointCommit(3, 1));
    expect(third).toMatchObject({ kind: "ok", garbage: ["manifest-2"] });
    expect((await batch.reader.checkpoints(id))?.map(({ seq }) => seq)).toEqual([3, 1]);
  });

  it("a reader's pin keeps the checkpoint it is reading", async ({ batch }) => {
    const id = await batch.created();
    const { fence } = await batch.lease("w1");
    const desk = batch.deskOf("w1");
    expect(await desk.latest(id)).toEqual({ kind: "ok", latest: null });
    await desk.commit(id, fence, 1, checkpointCommit(1, null));
    expect(await desk.latest(id)).toMatchObject({ kind: "ok", latest: { seq: 1, manifest: "manifest-1" } });
    for (const seq of [2, 3, 4]) await desk.commit(id, fence, 1, checkpointCommit(seq, seq - 1));
    expect((await batch.reader.checkpoints(id))?.map(({ seq }) => seq)).toEqual([4, 3, 1]);
    expect(await desk.latest("01hnothere0000000000000000")).toEqual({ kind: "ok", latest: null });
  });

  it("the task's own failures cost retries with a pause; losses and releases cost none", async ({ batch }) => {
    const id = await batch.created();
    const failOnce = async (): Promise<void> => {
      const lease = await batch.lease("w1");
      const end = { kind: "failed", fault: "error", message: "boom", retryAfterMs: null } as const;
      await batch.deskOf("w1").end(id, lease.fence, lease.record, end, NOTHING_NEW);
    };
    for (const retries of [1, 2]) {
      await failOnce();
      expect(await batch.reader.get(id)).toMatchObject({ state: "scheduled", reason: "retry_backoff", retries });
      await expect
        .poll(async () => {
          await batch.caretaker.passTime();
          return (await batch.reader.get(id))?.state;
        })
        .toBe("queued");
    }
    await failOnce();
    const error = { code: "task_failed", detail: "boom" };
    expect(await batch.reader.get(id)).toMatchObject({ state: "failed", reason: "retries_exhausted", error });
  });

  it("stop parks a running job, resume continues it, and each is idempotent", async ({ batch }) => {
    const id = await batch.created();
    const { fence, record } = await batch.lease("w1");
    expect((await batch.writer.control(id, "stop", { by: "me" })).kind).toBe("accepted");
    expect((await batch.writer.control(id, "stop", { by: "me" })).kind).toBe("unchanged");
    expect((await batch.writer.control(id, "resume", { by: "me" })).kind).toBe("illegal");
    const desk = batch.deskOf("w1");
    expect(await desk.renew(id, fence, NOTHING_NEW)).toMatchObject({
      kind: "held",
      intent: "stop",
      stopGraceMs: 5_000,
    });
    await desk.end(id, fence, record, { kind: "interrupted", reason: "worker_draining" }, NOTHING_NEW);
    expect(await batch.reader.get(id)).toMatchObject({ state: "stopped", reason: "stopped_by_request", worker: null });
    expect(await batch.reader.attempts(id)).toMatchObject([{ outcome: "interrupted", reason: "stop_requested" }]);
    expect((await batch.writer.control(id, "resume", { by: "me" })).kind).toBe("accepted");
    expect((await batch.writer.control(id, "resume", { by: "me" })).kind).toBe("unchanged");
    expect((await batch.lease("w2")).job).toBe(id);
  });

  it("an intent only rises: a cancel is not undone by a stop that comes later, nor by success", async ({ batch }) => {
    const id = await batch.created();
    const { fence, record } = await batch.lease("w1");
    await batch.writer.control(id, "cancel", { by: "me" });
    expect((await batch.writer.control(id, "stop", { by: "me" })).kind).toBe("unchanged");
    await batch.deskOf("w1").end(id, fence, record, { kind: "succeeded", output: "1", artifacts: [] }, NOTHING_NEW);
    expect(await batch.reader.get(id)).toMatchObject({ state: "cancelled", output: null });
    expect((await batch.writer.control(id, "cancel", { by: "me" })).kind).toBe("unchanged");
    expect(await batch.writer.control(id, "stop", { by: "me" })).toMatchObject({
      kind: "illegal",
      detail: "a job that is cancelled cannot be asked to stop; it takes retry",
    });
  });

  it("retry of a final job starts a new round from the last checkpoint, a chosen one, or the start", async ({
    batch,
  }) => {
    const id = await batch.created();
    const { fence, record } = await batch.lease("w1");
    const desk = batch.deskOf("w1");
    await desk.commit(id, fence, 1, checkpointCommit(1, null));
    await desk.commit(id, fence, 1, checkpointCommit(2, 1));
    await desk.end(
      id,
      fence,
      record,
      { kind: "failed", fault: "not_retryable", message: "no", retryAfterMs: null },
      NOTHING_NEW,
    );
    expect(await batch.reader.get(id)).toMatchObject({ state: "failed", reason: "task_failed" });
    expect((await batch.writer.control(id, "retry", { by: "me", from: 9 })).kind).toBe("unknown_checkpoint");
    expect((await batch.writer.control(id, "retry", { by: "me", from: 1 })).kind).toBe("accepted");
    expect((await batch.writer.control(id, "retry", { by: "me" })).kind).toBe("unchanged");
    const again = await batch.lease("w2");
    expect(again.lineage.map(({ seq }) => seq)).toEqual([1]);
    expect(again.record["round"]).toBe("1");
    expect(again.record["nextSeq"]).toBe("3");
  });

  it("the same idempotency key gives the same job, with another body it is refused", async ({ batch }) => {
    const first = await batch.submit({}, { key: "k", fingerprint: "f1" });
    const again = await batch.submit({}, { key: "k", fingerprint: "f1" });
    expect(again).toMatchObject({ kind: "replayed", job: { id: first.kind === "created" ? first.job.id : "" } });
    expect((await batch.submit({}, { key: "k", fingerprint: "f2" })).kind).toBe("key_reused");
    const page = await batch.reader.list({ states: [], labels: [] }, { cursor: null, limit: 10 });
    expect(page.kind === "page" && page.items.length).toBe(1);
  });

  it("what was asked, and by whom, is in the history of the job", async ({ batch }) => {
    const id = await batch.created();
    const { fence, record } = await batch.lease("w1");
    await batch.writer.patch(id, { priority: 3 }, { by: "ann" });
    await batch.writer.control(id, "checkpoint", { by: "bob" });
    await batch.writer.control(id, "migrate", { by: "cid" });
    await batch.deskOf("w1").end(id, fence, record, { kind: "interrupted", reason: "migrating" }, NOTHING_NEW);
    for (const [verb, by] of [
      ["stop", "dan"],
      ["resume", "eve"],
      ["cancel", "fay"],
      ["retry", "gus"],
    ] as const) {
      await batch.writer.control(id, verb, { by });
    }
    const events = new JobEventLog({ redis: batch.redis, keys: batch.keys, scripts: loadBatchScripts() });
    const told = (await events.after(id, 0, 100)).filter(({ data }) => "by" in data);
    expect(told.map(({ type, data }) => `${type} ${JSON.stringify(data["by"])}`)).toEqual([
      ...['submitted "test"', 'changed "ann"', 'checkpoint_requested "bob"', 'stopping "cid"'],
      ...['stopped "dan"', 'resumed "eve"', 'cancelled "fay"', 'retried "gus"'],
    ]);
  });

  it("J1: a write that reaches Redis too late does nothing", async ({ batch }) => {
    const id = await batch.created();
    await expect(batch.lateWriter().control(id, "stop", { by: "me" })).rejects.toMatchObject({
      name: "RedisFault",
      kind: "unavailable",
      job: id,
    });
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued" });
  });

  it("H3: a ready job whose ticket is lost gets a new one, and an old ticket is worthless", async ({ batch }) => {
    const id = await batch.created();
    const ticket = await batch.drawer.draw(["default.count.v1"], "dies");
    expect(ticket?.job).toBe(id);
    await batch.caretaker.findStuckTickets(["default.count.v1"]);
    await batch.caretaker.findStuckTickets(["default.count.v1"]);
    expect(await batch.deskOf("w1").lease({ job: id, ready: 1 }, "alone")).toEqual({
      kind: "refused",
      why: "stale_ticket",
    });
    expect((await batch.lease("w2")).job).toBe(id);
  });

  it("R1: a job that nobody can run says so, and no longer when somebody can", async ({ batch }) => {
    const id = await batch.created({ pool: "nobody" });
    const reason = async (served: string[]): Promise<unknown> => {
      await batch.redis.zadd(batch.keys.unleased, 0, id);
      await batch.caretaker.renewTickets(new Set(served));
      return (await batch.reader.get(id))?.reason;
    };
    expect(await reason(["nobody.other.v1"])).toBe("no_worker_has_task");
    expect(await reason(["default.count.v1"])).toBe("no_worker_in_pool");
    expect(await reason(["nobody.count.v2", "default.count.v1"])).toBe("no_worker_has_version");
    expect(await reason(["nobody.count.v1"])).toBe("waiting_for_slot");
  });

  it("draws by priority, then by age", async ({ batch }) => {
    const low = await batch.created({ priority: -5 });
    const old = await batch.created();
    const young = await batch.created();
    const high = await batch.created({ priority: 7 });
    const order = [];
    for (let n = 0; n < 4; n += 1) order.push((await batch.lease("w1")).job);
    expect(order).toEqual([high, old, young, low]);
  });

  it("FS1: a thousand jobs of one caller do not make the one of another wait for them all", async ({ batch }) => {
    const submit = async (caller: string): Promise<string> => {
      const outcome = await batch.submit({}, null, caller);
      if (outcome.kind !== "created") throw new Error(outcome.kind);
      return outcome.job.id;
    };
    const many: string[] = [];
    for (let n = 0; n < 8; n += 1) many.push(await submit("many"));
    const one = await submit("one");
    expect((await batch.reader.get(one))?.caller).toBe("one");
    const order = async (count: number): Promise<string[]> => {
      const drawn: string[] = [];
      for (let n = 0; n < count; n += 1) drawn.push((await batch.lease("w1")).job);
      return drawn;
    };
    expect(await order(3)).toEqual([many[0], one, many[1]]);
    // A lost job keeps its place: it goes before what became ready later (FS4).
    await batch.caretaker.takeLeasesFrom("w1", null);
    const again = await submit("one");
    expect(new Set(await order(4))).toEqual(new Set([many[0], one, many[1], again]));
    expect(await order(5)).toEqual(many.slice(2, 7));
    await batch.writer.control(many[7] ?? "", "cancel", { by: "me" });
    expect(await batch.redis.keys(`${batch.keys.root}:fair-*`)).toEqual([]);
  });

  it("a changed priority takes effect on a job that waits", async ({ batch }) => {
    const first = await batch.created();
    const second = await batch.created();
    expect(await batch.writer.patch(second, { priority: 5, labels: { now: "urgent" } }, { by: "me" })).toMatchObject({
      kind: "ok",
      job: { priority: 5 },
    });
    expect((await batch.lease("w1")).job).toBe(second);
    expect((await batch.lease("w1")).job).toBe(first);
    const urgent = await batch.reader.list({ states: [], labels: [["now", "urgent"]] }, { cursor: null, limit: 3 });
    expect(urgent).toMatchObject({ items: [{ id: second }] });
  });

  it("not before its time a scheduled job is not ready, and past its deadline it expires", async ({ batch }) => {
    const later = await batch.created({ runAt: new Date(Date.now() + 150).toISOString() });
    expect(await batch.reader.get(later)).toMatchObject({ state: "scheduled", reason: "not_before" });
    const mortal = await batch.created({ deadlineMs: 1 });
    await expect
      .poll(async () => {
        await batch.caretaker.passTime();
        return [(await batch.reader.get(later))?.state, (await batch.reader.get(mortal))?.state];
      })
      .toEqual(["queued", "expired"]);
  });

  it("a removed job leaves no key behind but its tickets' bookkeeping", async ({ batch }) => {
    const id = await batch.created({ labels: { a: "b" } });
    expect((await batch.writer.remove(id)).kind).toBe("not_final");
    await batch.writer.control(id, "cancel", { by: "me" });
    expect((await batch.writer.remove(id)).kind).toBe("ok");
    expect((await batch.writer.remove(id)).kind).toBe("not_found");
    expect(await batch.reader.get(id)).toBeNull();
    expect(await batch.reader.list({ states: [], labels: [] }, { cursor: null, limit: 3 })).toMatchObject({
      items: [],
    });
    expect(await batch.reader.attempts(id)).toBeNull();
  });
});
