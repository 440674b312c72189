import { BatchStage, nothingWrong, told } from "../../support/batch-stage.ts";
import { JumpingClocks } from "../../support/faults/jumping-clock.ts";
import { preloadedNode, type PreloadedNode } from "../../support/faults/preloaded-node.ts";
import { startRedis } from "../../support/redis.ts";
import { countAtMost, type Scenario } from "../../support/scenario.ts";

/**
 * No wall clock decides a lease: those of workers (agent, keeper and runner), of an API and of Redis jump by up to an
 * hour, each by itself; their monotonic ones do not. Needs a C compiler.
 */
export const clockJumps: Scenario = {
  name: "clock-jumps",
  title: "the wall clocks of workers, API and Redis jump forwards and back by up to an hour",
  run: async (options) => {
    const clocks = new JumpingClocks();
    const env = { ...clocks.variables("redis"), LD_PRELOAD: clocks.library };
    const stage = await BatchStage.open({ workers: 0, redis: () => startRedis({ env }) }, options);
    try {
      const node = (whose: string): PreloadedNode =>
        preloadedNode(stage.fleet.folder, whose, [clocks.library], clocks.variables(whose));
      const { client } = await stage.fleet.addApi({}, node("api"));
      for (const worker of ["w1", "w2"]) await stage.fleet.addWorker(worker, {}, node(worker));
      const input = { steps: stage.amount(900, 250), stepMs: 40, stateBytes: 20_000 };
      const ids = await stage.count(4, input, () => client);
      await stage.trouble(stage.amount(60, 12), 1_500, () => {
        const whose = stage.pick(["w1", "w2", "api", "redis"]);
        const seconds = Math.round(stage.between(-3_600, 3_600));
        clocks.set(whose, seconds);
        return Promise.resolve(`the clock of ${whose} is off by ${seconds} s`);
      });
      const audit = await stage.audit(ids);
      return {
        measured: told(stage, audit),
        expectations: [
          ...nothingWrong(audit),
          countAtMost("attempts beyond one for each job", audit.attempts.length - ids.length, 0),
        ],
      };
    } finally {
      await stage.close();
      clocks.remove();
    }
  },
};
