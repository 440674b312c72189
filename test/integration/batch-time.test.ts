/** What the records of batch jobs know of time: how often a checkpoint pays, and where the time went. */
import fc from "fast-check";
import { describe, expect } from "vitest";
import { costOf, FleetTime, NOTHING_NEW, toGoodput, type Lease } from "../../src/batch/batch.ts";
import { splitAttempt, type AttemptAccount } from "../../src/domain/goodput.ts";
import { FailureBook } from "../../src/fleet/fleet.ts";
import { loadScript, runScript } from "../../src/redis/script.ts";
import { checkpointCommit } from "../support/batch-bench.ts";
import { it } from "../support/batch-test.ts";

describe("the time of batch jobs", () => {
  it("the interval that an attempt has chosen stands on the job, and the next attempt knows what was measured", async ({
    batch,
  }) => {
    const book = new FailureBook(batch);
    await book.count(new Map([["", 8]]));
    const id = await batch.created();
    const first = await batch.lease("w1");
    const interval = { ms: 4_800, costMs: 200, mtbfMs: 60_000, why: "optimum" } as const;
    const cost = { blockedMs: 200.5, totalMs: 300 };
    const report = { ...NOTHING_NEW, interval: { ...interval, cost } };
    expect(await batch.deskOf("w1").renew(id, first.fence, report)).toMatchObject({ kind: "held", mtbfMs: 600_000 });
    expect((await batch.reader.get(id))?.checkpointInterval).toEqual(interval);
    await batch
      .deskOf("w1")
      .end(id, first.fence, first.record, { kind: "runner_lost", detail: "SIGKILL" }, NOTHING_NEW);
    expect(await book.count(new Map([["", 8]]))).toBeLessThan(600_000); // a loss, after hardly any time of workers
    const second = await batch.lease("w2");
    expect(costOf(second.record)).toEqual(cost);
    expect(Number(second.record["mtbfMs"])).toBeLessThan(600_000);
  });

  it("FR4: a job goes by how often workers of its zone are lost; where nobody knows that yet, by the fleet's rate", async ({
    batch,
  }) => {
    const book = new FailureBook(batch);
    const zones = new Map([...["spot", "own"].map((zone): [string, number] => [zone, 4]), ["", 1]]);
    /** As a job learns it that runs there. */
    const rateIn = async (zone: string): Promise<number> => {
      const id = await batch.created();
      const { fence, record } = await batch.lease("w1", "alone", zone);
      const desk = batch.deskOf("w1", zone);
      const mtbfMs = Number(record["mtbfMs"]);
      expect(await desk.renew(id, fence, NOTHING_NEW)).toMatchObject({ kind: "held", mtbfMs });
      await desk.end(id, fence, record, { kind: "succeeded", output: "1", artifacts: [] }, NOTHING_NEW);
      return mtbfMs;
    };
    const loseIn = async (zone: string): Promise<void> => {
      const id = await batch.created();
      const { fence, record } = await batch.lease("w1", "alone", zone);
      await batch.deskOf("w1", zone).end(id, fence, record, { kind: "runner_lost", detail: "" }, NOTHING_NEW);
      const again = await batch.lease("w2");
      const end = { kind: "succeeded", output: "1", artifacts: [] } as const;
      await batch.deskOf("w2").end(id, again.fence, again.record, end, NOTHING_NEW);
    };
    await book.count(zones);
    expect(await rateIn("spot")).toBe(600_000);
    await loseIn("spot");
    const fleet = await book.count(zones);
    const [spot, own, unknown, none] = [
      await rateIn("spot"),
      await rateIn("own"),
      await rateIn("new"),
      await rateIn(""),
    ];
    expect(spot).toBeLessThan(fleet);
    expect(own).toBeGreaterThan(spot);
    expect([unknown, none]).toEqual([fleet, fleet]);
    const counted = await new FleetTime(batch).losses();
    expect([counted.mtbfMs, Object.fromEntries(counted.zones)]).toEqual([fleet, { spot, own }]);
    // A worker that falls silent is a loss of its zone too.
    await batch.redis.hset(batch.keys.workers, "w9", '{"zone":"own"}');
    await batch.redis.hset(batch.keys.beats, "w9", "1|its last beat");
    const loseWorker = loadScript(new URL("../../src/fleet/scripts/", import.meta.url), "lose-worker");
    expect(await runScript(batch.redis, loseWorker, [batch.keys.root], ["w9", "1|its last beat", "{}"])).toBe(1);
    await book.count(zones);
    expect(await rateIn("own")).toBeLessThan(own);
  });

  it("GP1: where the time of a job went adds up to the whole, per attempt, job and fleet", async ({ batch }) => {
    const id = await batch.created();
    const desk = (worker: string) => batch.deskOf(worker);
    const commit = async (seq: number, lease: Lease, account: AttemptAccount): Promise<void> => {
      const asked = { ...checkpointCommit(seq, seq === 1 ? null : seq - 1), account };
      expect((await desk("w1").commit(id, lease.fence, 1, asked)).kind).toBe("ok");
    };
    const lost = await batch.lease("w1");
    await commit(1, lost, { restoreMs: 3, checkpointMs: 2, keptMs: 4 });
    await new Promise((resolve) => setTimeout(resolve, 30));
    await desk("w1").renew(id, lost.fence, { ...NOTHING_NEW, account: { restoreMs: 3, checkpointMs: 2, keptMs: 4 } });
    await new Promise((resolve) => setTimeout(resolve, 10));
    await batch.caretaker.takeLeasesFrom("w1", null);
    const stopped = await batch.lease("w2");
    await batch.writer.control(id, "stop", { by: "me" });
    await desk("w2").end(
      id,
      stopped.fence,
      stopped.record,
      { kind: "interrupted", reason: "worker_draining" },
      NOTHING_NEW,
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    await batch.writer.control(id, "resume", { by: "me" });
    const last = await batch.lease("w3");
    const account = { restoreMs: 1, checkpointMs: 0, keptMs: 0 };
    const end = { kind: "succeeded", output: "1", artifacts: [] } as const;
    await desk("w3").end(id, last.fence, last.record, end, { ...NOTHING_NEW, account });

    const job = await batch.reader.require(id);
    const attempts = (await batch.reader.attempts(id)) ?? [];
    const time = (at: string | null): number => Date.parse(at ?? "");
    const sum = (parts: object): number =>
      Object.entries(parts).reduce((all, [name, ms]) => (name === "fraction" ? all : all + Number(ms)), 0);
    expect(sum(job.goodput ?? {})).toBe(time(job.finishedAt) - time(job.createdAt));
    for (const { goodput, startedAt, endedAt } of attempts) {
      expect(sum(goodput ?? {})).toBe(time(endedAt) - time(startedAt));
    }
    expect(attempts.at(-1)?.goodput).toMatchObject({ restoreMs: 3, checkpointMs: 2, usefulMs: 4 });
    expect(attempts.at(-1)?.goodput?.detectMs).toBeGreaterThanOrEqual(9);
    expect(attempts.at(-1)?.goodput?.redoneMs).toBeGreaterThan(10);
    expect(attempts[1]?.goodput?.restoreMs).toBe(sum(attempts[1]?.goodput ?? {})); // It never came to its first step.
    expect(job.goodput?.heldMs).toBeGreaterThanOrEqual(4);
    const fleet = toGoodput(await new FleetTime(batch).spent());
    expect(fleet).toEqual(job.goodput);
  });

  it("the scripts divide the time of an attempt as the policy says", async ({ batch }) => {
    const ms = fc.integer({ min: 0, max: 60 });
    const account = fc.record({ restoreMs: fc.option(ms), checkpointMs: ms, keptMs: ms });
    await fc.assert(
      fc.asyncProperty(fc.option(account), fc.boolean(), async (measured, succeeds) => {
        const id = await batch.created();
        const { fence, record } = await batch.lease("w1");
        const leasedAt = Number(record["leasedAt"]) - 50; // as if it had taken a while
        await batch.redis.hset(batch.keys.job(id), "leasedAt", leasedAt);
        const end = succeeds
          ? ({ kind: "succeeded", output: "1", artifacts: [] } as const)
          : ({ kind: "failed", fault: "not_retryable", message: "no", retryAfterMs: null } as const);
        await batch.deskOf("w1").end(id, fence, record, end, { ...NOTHING_NEW, account: measured });
        const [attempt] = (await batch.reader.attempts(id)) ?? [];
        const elapsedMs = Date.parse(attempt?.endedAt ?? "") - leasedAt;
        const { useful, redone, ...rest } = splitAttempt(elapsedMs, measured, succeeds ? "kept" : "lost", 0);
        expect(attempt?.goodput).toMatchObject({ usefulMs: useful, redoneMs: redone, restoreMs: rest.restore });
        expect(attempt?.goodput).toMatchObject({ checkpointMs: rest.checkpoint, detectMs: rest.detect });
      }),
      { numRuns: 40 },
    );
  });
});
