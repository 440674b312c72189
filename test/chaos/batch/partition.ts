import { setTimeout as delay } from "node:timers/promises";
import { BatchStage, nothingWrong, told } from "../../support/batch-stage.ts";
import { SilentNetwork } from "../../support/silent-network.ts";
import type { Scenario } from "../../support/scenario.ts";

/**
 * One worker of two is cut off from Redis, past its lease, in both directions or in one: its jobs move, and what it says
 * afterwards is refused.
 */
export const partition: Scenario = {
  name: "partition",
  title: "the network between a worker and Redis swallows everything, or what goes one way, again and again",
  run: async (options) => {
    const stage = await BatchStage.open({ workers: 1 }, options);
    const network = await SilentNetwork.open(stage.fleet.redis.port);
    try {
      await stage.fleet.addWorker("far", { CAIRN_REDIS_URL: network.url });
      const ids = await stage.count(3, { steps: stage.amount(1_200, 300), stepMs: 40, stateBytes: 20_000 });
      await stage.trouble(stage.amount(120, 18), 2_000, async () => {
        const ms = stage.between(500, 8_000);
        const direction = stage.pick(["both", "to", "from"] as const);
        network.swallow(direction);
        await delay(ms);
        network.pass();
        return `nothing passed (${direction}) for ${(ms / 1_000).toFixed(1)} s`;
      });
      const audit = await stage.audit(ids);
      return { measured: told(stage, audit), expectations: nothingWrong(audit) };
    } finally {
      await stage.close();
      await network.close();
    }
  },
};
