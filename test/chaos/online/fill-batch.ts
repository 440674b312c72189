import { eventually } from "../../support/eventually.ts";
import { atMost, countAtLeast, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";

const SLOTS = 2;

/** DESIGN, part 11, row 8: simulations take what online work leaves. */
export const fillBatch = onStage({
  name: "fill-batch",
  title: "weather simulations fill every batch slot and all cores while online requests go on",
  stage: { settings: { CAIRN_BATCH_SLOTS: String(SLOTS) } },
  play: async (stage) => {
    const seconds = stage.seconds(25, 4);
    const alone = await stage.load({ perSecond: 300, seconds });
    const { client } = stage.fleet;
    const jobs = await Promise.all(
      Array.from({ length: 3 * SLOTS }, () =>
        client.submit({ task: "weather", input: { testCase: 5, resolution: 64, days: 100 } }),
      ),
    );
    const running = async (): Promise<number> => {
      const states = await Promise.all(jobs.map(async ({ job }) => (await client.job(job.id)).state));
      return states.filter((state) => state === "running").length;
    };
    await eventually("all simulations run", async () => (await running()) === jobs.length, { withinMs: 60_000 });
    const beside = await stage.load({ perSecond: 300, seconds });
    return {
      measured: {
        ...beside.measured(),
        "without batch p50 / p99 / p99.9, ms": showLatency(alone.latency()),
      },
      expectations: [
        countAtMost("failed", alone.failed + beside.failed, 0),
        countAtLeast("simulations that still run", await running(), jobs.length),
        atMost("p99, of the one without batch", beside.latency().p99 / alone.latency().p99, 1.2, "×"),
      ],
    };
  },
});

function showLatency({
  p50,
  p99,
  p999,
}: {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}): string {
  return [p50, p99, p999].map((ms) => ms.toFixed(1)).join(" / ");
}
