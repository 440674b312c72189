import { setTimeout as delay } from "node:timers/promises";
import { BatchStage, nothingWrong, told } from "../../support/batch-stage.ts";
import { FailingDisk } from "../../support/faults/failing-disk.ts";
import { preloadedNode } from "../../support/faults/preloaded-node.ts";
import { countAtLeast, countAtMost, type Scenario } from "../../support/scenario.ts";

/** A disk that fails is nobody's failure, wherever it is written: by agent, keeper, runner, store or API. Needs a C compiler. */
export const diskErrors: Scenario = {
  name: "disk-errors",
  title: "writes of every process fail with EIO, ENOSPC or EROFS, each single one with some chance, or all for a while",
  run: async (options) => {
    const stage = await BatchStage.open({ workers: 0 }, options);
    const { fleet } = stage;
    const disk = new FailingDisk(fleet.folder);
    try {
      const node = preloadedNode(fleet.folder, "failing", [disk.library], disk.variables);
      await fleet.addApi({}, node);
      await Promise.all(["w1", "w2"].map((id) => fleet.addWorker(id, {}, node)));
      const ids = await stage.count(3, { steps: stage.amount(900, 300), stepMs: 40, stateBytes: 100_000 });
      await stage.trouble(stage.amount(90, 15), 1_500, async () => {
        const error = stage.pick(["EIO", "ENOSPC", "EROFS"] as const);
        const permille = stage.pick([10, 100, 500, 1_000]);
        const reads = stage.random() < 0.3 ? "reads too" : "writes";
        disk.fail(error, permille, reads);
        await delay(stage.between(500, 3_000));
        disk.heal();
        return `${permille} of 1000 ${reads} failed with ${error}`;
      });
      const audit = await stage.audit(ids);
      const retries = audit.jobs.reduce((sum, { retries: own }) => sum + own, 0);
      return {
        measured: told(stage, audit),
        expectations: [
          ...nothingWrong(audit),
          countAtMost("retries that it cost", retries, 0),
          countAtLeast("calls that failed", disk.failed, 10),
        ],
      };
    } finally {
      await stage.close();
      disk.remove();
    }
  },
};
