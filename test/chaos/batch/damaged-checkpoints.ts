import { join } from "node:path";
import { nothingWrong, onBatchStage, told, type BatchStage } from "../../support/batch-stage.ts";
import { damageNewest } from "../../support/faults/damage.ts";
import { countAtLeast } from "../../support/scenario.ts";

/** Of a job two checkpoints are kept. After so many new ones neither of them was damaged. */
const NEW_ONES = 3;

/**
 * A machine dies, and what it wrote last is cut off or has a bit wrong: no program may start on it. One of the two that
 * are kept is damaged, never both: what a job could go on from then would be nothing, and it says so and fails.
 */
export const damagedCheckpoints = onBatchStage({
  name: "damaged-checkpoints",
  title: "whole workers are killed, and the newest file that a job has in the store is cut off or has a bit flipped",
  stage: { settings: { CAIRN_GARBAGE_DELAY_MS: "600000" } },
  play: async (stage) => {
    const ids = await stage.count(3, { steps: stage.amount(900, 450), stepMs: 40, stateBytes: 20_000 });
    const damagedAt = new Map<string, number>();
    await stage.trouble(stage.amount(90, 18), stage.amount(2_000, 1_500), async () => {
      const job = await stage.fleet.client.job(stage.pick(ids));
      const seq = job.checkpoint?.seq ?? 0;
      if (job.state !== "running" || job.worker === null) return null;
      if (seq < (damagedAt.get(job.id) ?? 0) + NEW_ONES) return null;
      await stage.fleet.signal(job.worker, "SIGKILL");
      stage.respawn(job.worker);
      // What it was writing when it was killed may be newer, and is in no checkpoint: then nothing of the job is damaged.
      damagedAt.set(job.id, seq + 1);
      const objects = join(stage.fleet.storeFolder, "jobs", job.id, "objects");
      return `SIGKILL to ${job.worker}, and ${damageNewest(objects, stage.random)}`;
    });
    const audit = await stage.audit(ids);
    const aside = await setAside(stage, ids);
    return {
      measured: { ...told(stage, audit), "checkpoints set aside": aside },
      expectations: [...nothingWrong(audit), countAtLeast("checkpoints set aside", aside, 1)],
    };
  },
});

async function setAside(stage: BatchStage, ids: readonly string[]): Promise<number> {
  let count = 0;
  for (const id of ids) {
    for await (const { type } of stage.fleet.client.events(id)) {
      if (type === "checkpoint_set_aside") count += 1;
      if (type === "succeeded" || type === "failed") break;
    }
  }
  return count;
}
