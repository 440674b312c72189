import { setTimeout as delay } from "node:timers/promises";
import { nothingWrong, onBatchStage, told } from "../../support/batch-stage.ts";
import { countAtMost } from "../../support/scenario.ts";
import { WriteWitness } from "../../support/write-witness.ts";

/**
 * Redis dies and comes back with what it had written: running jobs compute on, none begins anew. What a busy disk made
 * it lose of what it had acknowledged is seen by a witness beside Cairn; only then may attempts end because of it.
 */
export const redisKilled = onBatchStage({
  name: "redis-killed",
  title: "Redis is killed with SIGKILL and stays away for a while, again and again",
  play: async (stage) => {
    const { redis } = stage.fleet;
    const ids = await stage.count(4, { steps: stage.amount(1_500, 300), stepMs: 40, stateBytes: 20_000 });
    await Promise.all(ids.map((id) => stage.fleet.running(id)));
    const witness = new WriteWitness(redis.url);
    await stage.trouble(stage.amount(120, 15), 3_000, async () => {
      await redis.kill();
      const awayMs = stage.between(100, 3_000);
      await delay(awayMs);
      await redis.restart();
      return `Redis was away for ${(awayMs / 1_000).toFixed(1)} s`;
    });
    const audit = await stage.audit(ids);
    await witness.stop();
    const setBack = audit.attempts.filter(({ reason }) => reason === "redis_set_back").length;
    const excused = witness.lost > 0 ? setBack : 0;
    return {
      measured: {
        ...told(stage, audit),
        "acknowledged writes that Redis lost": witness.lost,
        "attempts that ended for it": setBack,
      },
      expectations: [
        ...nothingWrong(audit),
        countAtMost("attempts beyond one for each job", audit.attempts.length - ids.length - excused, 0),
      ],
    };
  },
});
