import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onBatchStage, type BatchStage } from "../../support/batch-stage.ts";
import { eventually } from "../../support/eventually.ts";
import { quantileOf } from "../../support/quantile.ts";
import { atMost, type Finding } from "../../support/scenario.ts";

const ROOT = import.meta.url.includes("/dist/test/") ? "../../../../" : "../../../";
const TASKS = fileURLToPath(new URL(`${ROOT}test/support/toil-tasks.mjs`, import.meta.url));

/** DESIGN, part 11, row 13: from the request to the process that computes, through an API that knows nothing of it. */
export const control = onBatchStage({
  name: "control",
  title: "a running job is asked for a checkpoint, and to stop, through another API: how soon its process hears it",
  stage: { workers: 2, settings: { CAIRN_TASKS: TASKS } },
  play: async (stage): Promise<Finding> => {
    const stamp = join(stage.fleet.folder, "stamp");
    const { client: other } = await stage.fleet.addApi();
    const input = { workMs: 3_600_000, stepMs: 5, saveMs: 0, stamp };
    const { job } = await stage.fleet.client.submit({ task: "toil", input, checkpoint: { intervalMs: 3_600_000 } });
    const checkpoints: number[] = [];
    const stops: number[] = [];
    for (let n = 0; n < stage.amount(30, 5); n += 1) {
      // It computes: what is asked of a process that is still starting waits for that.
      await stage.fleet.job(
        job.id,
        "computes",
        ({ state, progress, checkpoint }) =>
          state === "running" && progress !== null && progress.completed > (checkpoint?.progress ?? 0),
      );
      checkpoints.push(await heard(stage, stamp, () => other.checkpoint(job.id)));
      stops.push(await heard(stage, stamp, () => other.stop(job.id)));
      await stage.fleet.job(job.id, "is stopped", ({ state }) => state === "stopped");
      await other.resume(job.id);
    }
    await other.cancel(job.id);
    return {
      measured: {
        orders: checkpoints.length + stops.length,
        "checkpoint heard after p50 / max, ms": `${quantileOf(checkpoints, 0.5)} / ${quantileOf(checkpoints, 1)}`,
        "stop heard after p50 / max, ms": `${quantileOf(stops, 0.5)} / ${quantileOf(stops, 1)}`,
      },
      expectations: [
        atMost("checkpoint heard, p99", quantileOf(checkpoints, 0.99), 1_000),
        atMost("stop heard, p99", quantileOf(stops, 0.99), 1_000),
      ],
    };
  },
});

/** @returns ms from the order to the beginning of the save */
async function heard(stage: BatchStage, stamp: string, order: () => Promise<unknown>): Promise<number> {
  rmSync(stamp, { force: true });
  const beganMs = Date.now();
  await order();
  const read = (): string | null => (existsSync(stamp) ? readFileSync(stamp, "utf8") || null : null);
  const at = await eventually("the save begins", read, { withinMs: 30_000 });
  stage.say(`heard after ${Number(at) - beganMs} ms`);
  return Number(at) - beganMs;
}
