import { setTimeout as delay } from "node:timers/promises";
import { nothingWrong, onBatchStage, told } from "../../support/batch-stage.ts";
import { countAtMost } from "../../support/scenario.ts";

/** Redis dies and comes back with what it had written: running jobs compute on, none begins anew. */
export const redisKilled = onBatchStage({
  name: "redis-killed",
  title: "Redis is killed with SIGKILL and stays away for a while, again and again",
  play: async (stage) => {
    const { redis } = stage.fleet;
    const ids = await stage.count(4, { steps: stage.amount(1_500, 300), stepMs: 40, stateBytes: 20_000 });
    await Promise.all(ids.map((id) => stage.fleet.running(id)));
    await stage.trouble(stage.amount(120, 15), 3_000, async () => {
      await redis.kill();
      const awayMs = stage.between(100, 3_000);
      await delay(awayMs);
      await redis.restart();
      return `Redis was away for ${(awayMs / 1_000).toFixed(1)} s`;
    });
    const audit = await stage.audit(ids);
    return {
      measured: told(stage, audit),
      expectations: [
        ...nothingWrong(audit),
        countAtMost("attempts beyond one for each job", audit.attempts.length - ids.length, 0),
      ],
    };
  },
});
