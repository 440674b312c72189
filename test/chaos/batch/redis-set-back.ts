import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { copyData } from "../../support/faults/redis-data.ts";
import { nothingWrong, onBatchStage, told } from "../../support/batch-stage.ts";

/**
 * A Redis that comes back with older data must not hand out a fence twice, nor bring an old owner back to life; an
 * outcome that was reached since then is adopted from the store.
 */
export const redisSetBack = onBatchStage({
  name: "redis-set-back",
  title: "Redis is killed and started on a copy of its data that is some seconds to a minute old",
  play: async (stage) => {
    const { redis } = stage.fleet;
    const ids = await stage.count(4, { steps: stage.amount(1_500, 400), stepMs: 40, stateBytes: 20_000 });
    await Promise.all(ids.map((id) => stage.fleet.running(id)));
    const copies = mkdtempSync(join(tmpdir(), "cairn-copy-"));
    try {
      await stage.trouble(stage.amount(180, 25), 3_000, async () => {
        await delay(1_100); // Once a second the append-only file is on the disk.
        await copyData(redis.dataDir, copies);
        const laterMs = stage.between(1_000, stage.amount(60_000, 6_000));
        // A worker that is lost meanwhile gives its jobs to others: owners that the old data does not know of.
        const worker = await stage.anyWorker();
        if (worker !== null && stage.random() < 0.5) {
          await stage.fleet.signal(worker, "SIGKILL");
          stage.respawn(worker);
        }
        await delay(laterMs);
        await redis.kill();
        rmSync(redis.dataDir, { recursive: true, force: true });
        cpSync(copies, redis.dataDir, { recursive: true });
        await redis.restart();
        return `Redis is set back by ${(laterMs / 1_000).toFixed(1)} s`;
      });
      const audit = await stage.audit(ids);
      return { measured: told(stage, audit), expectations: nothingWrong(audit) };
    } finally {
      rmSync(copies, { recursive: true, force: true });
    }
  },
});
