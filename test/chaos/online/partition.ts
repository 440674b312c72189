/**
 * Networks that swallow words: connections stay open, nothing is refused, nothing comes. One direction alone is the
 * meaner case: who is heard and hears nothing looks alive, and who hears and is not heard works for nobody.
 */
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { atMost, countAtMost } from "../../support/scenario.ts";
import { SilentNetwork, type Direction } from "../../support/silent-network.ts";
import { onStage, type WorkResult } from "../../support/stage.ts";
import { outageExpectations } from "./redis-outage.ts";

const DIRECTIONS: readonly Direction[] = ["to", "from", "both"];

/** Of three workers: what is sent to the third, or comes from it, waits in between. Nobody who asks notices. */
export const partitionOfWorker = onStage({
  name: "partition-worker",
  title: "a worker does not reach Redis, then Redis does not reach the worker, then neither the other, under 20% load",
  stage: { workers: 2 },
  play: async (stage) => {
    const network = await SilentNetwork.open(stage.fleet.redis.port);
    try {
      await stage.fleet.addWorker("far", { CAIRN_REDIS_URL: network.url });
      await stage.replicaOf("far");
      const cutS = stage.seconds(10, 2.2);
      const wellS = stage.seconds(10, 2);
      const cuts = DIRECTIONS.map((direction, n) => ({ direction, fromS: 1 + n * (cutS + wellS) }));
      const events = cuts.flatMap(({ direction, fromS }) => [
        { atSecond: fromS, run: () => network.swallow(direction) },
        { atSecond: fromS + cutS, run: () => network.pass() },
      ]);
      const load = await stage.load({ perSecond: 192, seconds: 1 + 3 * (cutS + wellS), events });
      const meanwhile = cuts.map(({ direction, fromS }) => {
        const { p50, p99 } = load.latency(fromS, fromS + cutS);
        const late = load.load.misses.filter(
          ({ dueMs }) => dueMs >= fromS * 1_000 && dueMs < (fromS + cutS + wellS) * 1_000,
        );
        return `${direction}: ${p50.toFixed(0)} / ${p99.toFixed(0)}, ${late.length} failed`;
      });
      const backMs = await backAfter(stage.fleet.client);
      return {
        measured: {
          ...load.measured(),
          "meanwhile p50 / p99, ms": meanwhile.join("; "),
          "ready again after the last one, ms": Math.round(backMs),
        },
        expectations: [countAtMost("failed", load.failed, 0), atMost("p99.9", load.latency().p999, 400)],
      };
    } finally {
      await network.close();
    }
  },
});

/** Answers that came meanwhile lie in the list; some are asked after before the connection that reads it stands again. */
const DONE_TWICE = 0.1;

/** Of two API processes: callers of the one are told so within half a second, callers of the other notice nothing. */
export const partitionOfApi = onStage({
  name: "partition-api",
  title: "one of two API processes does not reach Redis, then is not reached, then neither, under 20% load",
  play: async (stage) => {
    const network = await SilentNetwork.open(stage.fleet.redis.port);
    try {
      const [near] = stage.fleet.clients.map(({ url }) => Number(new URL(url).port));
      const far = await stage.fleet.addApi({ CAIRN_REDIS_URL: network.url });
      const caller = stage.callerOf(Number(new URL(far.url).port));
      await stage.load({ perSecond: 50, seconds: 1, caller }); // Warm.
      const [cutS, wellS] = [stage.seconds(10, 1.5), stage.seconds(10, 2.5)];
      const cuts = DIRECTIONS.map((direction, n) => ({
        direction,
        fromMs: (1 + n * (cutS + wellS)) * 1_000,
        untilMs: (1 + n * (cutS + wellS) + cutS) * 1_000,
      }));
      const seconds = 1 + 3 * (cutS + wellS);
      const events = cuts.flatMap(({ direction, fromMs, untilMs }) => [
        { atSecond: fromMs / 1_000, run: () => network.swallow(direction) },
        { atSecond: untilMs / 1_000, run: () => network.pass() },
      ]);
      const [struck, whole]: readonly [WorkResult, WorkResult] = await Promise.all([
        stage.load({ perSecond: 96, seconds, caller, events }),
        stage.load({ perSecond: 96, seconds, caller: stage.callerOf(near ?? 0) }),
      ]);
      return {
        measured: { ...struck.measured(), "refused or failed at the struck one": JSON.stringify(struck.load.failures) },
        expectations: [
          countAtMost("failed at the other one", whole.failed, 0),
          ...outageExpectations(struck, cuts, DONE_TWICE),
          atMost("p99 at the other one", whole.latency().p99, 400),
        ],
      };
    } finally {
      await network.close();
    }
  },
});

/** Until the API says that the far worker is ready, ms. */
async function backAfter(client: { worker(id: string): Promise<{ readonly state: string }> }): Promise<number> {
  const begin = performance.now();
  await eventually("the far worker is ready again", async () => {
    const worker = await client.worker("far").catch(() => null);
    if (worker?.state === "ready") return true;
    await delay(50);
    return null;
  });
  return performance.now() - begin;
}
