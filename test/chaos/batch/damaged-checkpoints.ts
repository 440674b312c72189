import { closeSync, ftruncateSync, fstatSync, openSync, readdirSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { nothingWrong, onBatchStage, told, type BatchStage } from "../../support/batch-stage.ts";
import { countAtLeast } from "../../support/scenario.ts";

/** A machine dies, and what it wrote last is cut off or has a bit wrong: no program may start on it. */
export const damagedCheckpoints = onBatchStage({
  name: "damaged-checkpoints",
  title: "whole workers are killed, and the newest file that a job has in the store is cut off or has a bit flipped",
  stage: { settings: { CAIRN_GARBAGE_DELAY_MS: "600000" } },
  play: async (stage) => {
    const ids = await stage.count(3, { steps: stage.amount(900, 450), stepMs: 40, stateBytes: 20_000 });
    await stage.trouble(stage.amount(90, 18), stage.amount(2_000, 1_500), async () => {
      const job = await stage.fleet.client.job(stage.pick(ids));
      if (job.state !== "running" || job.worker === null || (job.checkpoint?.seq ?? 0) < 3) return null;
      await stage.fleet.signal(job.worker, "SIGKILL");
      stage.respawn(job.worker);
      return `SIGKILL to ${job.worker}, and ${damageNewest(stage, job.id)}`;
    });
    const audit = await stage.audit(ids);
    const aside = await setAside(stage, ids);
    return {
      measured: { ...told(stage, audit), "checkpoints set aside": aside },
      expectations: [...nothingWrong(audit), countAtLeast("checkpoints set aside", aside, 1)],
    };
  },
});

function damageNewest(stage: BatchStage, job: string): string {
  const folder = join(stage.fleet.folder, "store", "jobs", job, "objects");
  const files = readdirSync(folder).map((name) => join(folder, name));
  const newest = files.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
  if (newest === undefined) return "nothing to damage";
  const file = openSync(newest, "r+");
  const { size } = fstatSync(file);
  const at = Math.floor(stage.random() * size);
  const cut = stage.random() < 0.5;
  if (cut) ftruncateSync(file, at);
  else {
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, at);
    byte.writeUInt8(byte.readUInt8(0) ^ 0x10);
    writeSync(file, byte, 0, 1, at);
  }
  closeSync(file);
  return `its newest file of ${size} bytes ${cut ? "cut off" : "with a bit flipped"} at ${at}`;
}

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
