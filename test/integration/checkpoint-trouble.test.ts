/** Checkpoints that are not there and should be, as the record tells of them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CheckpointDrop } from "../../src/domain/checkpoint-trouble.ts";
import type { Fence } from "../../src/domain/fence.ts";
import { checkpointCommit, openBatch, type BatchBench } from "../support/batch-bench.ts";
import { startRedis } from "../support/redis.ts";

describe("checkpoints that are not there", () => {
  let server: { readonly url: string; stop(): Promise<void> };
  let batch: BatchBench;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    batch = await openBatch(server.url);
  });
  afterEach(() => batch.close());

  it("what could not be taken is counted on the job and for the fleet, each once, and only of the owner", async () => {
    const id = await batch.created();
    const first = await batch.lease("w1");
    const drop = (worker: string, fence: Fence, n: number, why: CheckpointDrop) =>
      batch.deskOf(worker).dropCheckpoint(id, fence, n, why, `detail ${n}`);
    expect((await batch.reader.get(id))?.checkpointTrouble).toBeNull();
    // The first is said again, because an answer did not come.
    for (const n of [1, 1]) expect((await drop("w1", first.fence, n, "no_room")).kind).toBe("ok");
    expect((await drop("w1", first.fence, 2, "changed")).kind).toBe("ok");
    await batch.caretaker.takeLeasesFrom("w1", null);
    const second = await batch.lease("w2");
    expect((await drop("w1", first.fence, 3, "no_room")).kind).toBe("refused");
    expect((await drop("w2", second.fence, 1, "no_room")).kind).toBe("ok");
    expect((await batch.reader.get(id))?.checkpointTrouble).toMatchObject({
      ...{ dropped: 3, setAside: 0 },
      last: { why: "no_room", text: "there was no room for it", detail: "detail 1" },
    });
    expect(await batch.reader.checkpointTrouble()).toEqual({ no_room: 2, changed: 1 });
  });

  it("so is what was set aside, each once", async () => {
    const id = await batch.created();
    const { fence } = await batch.lease("w1");
    const desk = batch.deskOf("w1");
    for (const seq of [1, 2]) await desk.commit(id, fence, 1, checkpointCommit(seq, seq === 1 ? null : 1));
    for (const detail of ["a flipped bit", "said again"]) await desk.setAside(id, fence, 2, detail);
    expect(await batch.reader.get(id)).toMatchObject({
      checkpoint: { seq: 1 },
      checkpointTrouble: { dropped: 0, setAside: 1, last: { why: "unreadable", detail: "a flipped bit" } },
    });
    expect(await batch.reader.checkpointTrouble()).toEqual({ unreadable: 1 });
  });
});
