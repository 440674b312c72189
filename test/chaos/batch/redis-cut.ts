import { statSync, truncateSync } from "node:fs";
import { nothingWrong, onBatchStage, told } from "../../support/batch-stage.ts";
import { growingFile, logRewritten } from "../../support/faults/redis-data.ts";

/** What a power failure leaves: the end of the append-only file is missing, in the middle of a write. */
export const redisCut = onBatchStage({
  name: "redis-cut",
  title: "Redis is killed and the end of its append-only file cut off: it has forgotten the last moments",
  play: async (stage) => {
    const { redis } = stage.fleet;
    const ids = await stage.count(4, { steps: stage.amount(1_200, 300), stepMs: 40, stateBytes: 20_000 });
    await Promise.all(ids.map((id) => stage.fleet.running(id)));
    await stage.trouble(stage.amount(120, 15), 5_000, async () => {
      await redis.kill();
      const cut = Math.floor(stage.between(100, 20_000));
      const path = growingFile(redis.dataDir);
      const left = cutEnd(path, cut);
      await redis.restart();
      await logRewritten(redis.dataDir, path);
      return `the last ${cut} bytes of the append-only file are gone, ${left} are left`;
    });
    const audit = await stage.audit(ids);
    return { measured: told(stage, audit), expectations: nothingWrong(audit) };
  },
});

function cutEnd(path: string, bytes: number): number {
  // The jobs themselves stay: what was never written is no trouble that can be got over.
  const left = Math.max(statSync(path).size - bytes, Math.floor(statSync(path).size * 0.8));
  truncateSync(path, left);
  return left;
}
