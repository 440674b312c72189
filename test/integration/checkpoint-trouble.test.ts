/** Checkpoints that are not there and should be, as the record tells of them. */
import { describe, expect } from "vitest";
import { NOTHING_NEW } from "../../src/batch/batch.ts";
import type { CheckpointDrop } from "../../src/domain/checkpoint-trouble.ts";
import type { Fence } from "../../src/domain/fence.ts";
import { checkpointCommit } from "../support/batch-bench.ts";
import { it } from "../support/batch-test.ts";

describe("checkpoints that are not there", () => {
  it("what could not be taken is counted on the job and for the fleet, each once, and only of the owner", async ({
    batch,
  }) => {
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

  it("so is what was set aside, each once", async ({ batch }) => {
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

  it("a checkpoint that one worker does not find stays, and is set aside when another has not found it either", async ({
    batch,
  }) => {
    const id = await batch.created();
    const first = await batch.lease("w1");
    for (const seq of [1, 2]) {
      await batch.deskOf("w1").commit(id, first.fence, 1, checkpointCommit(seq, seq === 1 ? null : 1));
    }
    const missed = async (worker: string, { fence }: typeof first): Promise<boolean | undefined> => {
      const reply = await batch.deskOf(worker).setAside(id, fence, 2, "not in the store", "absent");
      return reply.kind === "ok" ? reply.elsewhere : undefined;
    };
    expect(await missed("w1", first)).toBe(true);
    expect(await missed("w1", first)).toBe(true); // Said again, because the answer did not come, it counts once.
    const end = { kind: "interrupted", reason: "checkpoint_missing" } as const;
    await batch.deskOf("w1").end(id, first.fence, first.record, end, NOTHING_NEW);
    expect(await batch.reader.get(id)).toMatchObject({ state: "queued", reason: end.reason, checkpoint: { seq: 2 } });
    expect(await batch.reader.checkpoints(id)).toMatchObject([{ seq: 2, state: "committed" }, { seq: 1 }]);

    expect(await missed("w2", await batch.lease("w2"))).toBeUndefined();
    expect(await batch.reader.checkpoints(id)).toMatchObject([
      { seq: 2, state: "set_aside" },
      { seq: 1, state: "committed" },
    ]);
  });
});
