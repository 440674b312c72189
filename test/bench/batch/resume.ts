import { setTimeout as delay } from "node:timers/promises";
import { onBatchStage } from "../../support/batch-stage.ts";
import { atMost } from "../../support/scenario.ts";
import { quantileOf } from "../../support/quantile.ts";

/** DESIGN, part 11, rows 10 and 11: from the loss of a worker to the first new step elsewhere. */
export const resume = onBatchStage({
  name: "resume",
  title: "the worker of a job is killed, or frozen, again and again: how long until a new step is done elsewhere",
  play: async (stage) => {
    const { client } = stage.fleet;
    const [id = ""] = await stage.count(1, { steps: 1_000_000, stepMs: 20 });
    const noticed: number[] = [];
    const resumed: number[] = [];
    for (let n = 0; n < stage.amount(30, 4); n += 1) {
      const before = await stage.fleet.running(id);
      const beganMs = Date.now();
      await stage.fleet.signal(before.worker, "SIGKILL");
      stage.respawn(before.worker);
      for (;;) {
        const job = await client.job(id);
        const isNew = job.attempts > before.attempts && job.state === "running";
        if (isNew && (job.progress?.completed ?? 0) > (job.checkpoint?.progress ?? 0)) break;
        await delay(20);
      }
      resumed.push(Date.now() - beganMs);
      const lost = (await stage.fleet.attempts(id)).find(({ number }) => number === before.attempts);
      noticed.push(Date.parse(lost?.endedAt ?? "") - beganMs);
    }
    await client.cancel(id);
    return {
      measured: {
        losses: resumed.length,
        "noticed after p50 / max, ms": `${quantileOf(noticed, 0.5)} / ${quantileOf(noticed, 1)}`,
        "new step after p50 / max, ms": `${quantileOf(resumed, 0.5)} / ${quantileOf(resumed, 1)}`,
      },
      expectations: [
        atMost("noticed, max", quantileOf(noticed, 1), 5_000),
        atMost("new step elsewhere, p50", quantileOf(resumed, 0.5), 5_000),
        atMost("new step elsewhere, p99", quantileOf(resumed, 0.99), 10_000),
      ],
    };
  },
});
