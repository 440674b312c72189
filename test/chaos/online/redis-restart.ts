import { countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";
import { outageExpectations, type Outage } from "./redis-outage.ts";
import { samePids } from "./same-pids.ts";

/** A server that is killed and started again on its data, several times. */
export const redisRestart = onStage({
  name: "redis-restart",
  title: "Redis is killed with SIGKILL under load, and started again 2 s later on its append-only file",
  play: async (stage) => {
    const { redis } = stage.fleet;
    const times = stage.times(5, 1);
    const gapS = 8;
    const outages: Outage[] = [];
    const before = await samePids(stage);
    const beginMs = performance.now();
    const load = await stage.load({
      perSecond: 300,
      seconds: times * gapS + 2,
      events: Array.from({ length: times }, (_, n) => ({
        atSecond: 2 + n * gapS,
        run: async () => {
          const fromMs = performance.now();
          await redis.kill();
          await new Promise((resolve) => setTimeout(resolve, 2_000));
          await redis.restart();
          outages.push({ fromMs, untilMs: performance.now() });
        },
      })),
    });
    stage.say(`load began ${(load.load.beginMs - beginMs).toFixed(0)} ms after it was asked for`);
    const relative = outages.map(({ fromMs, untilMs }) => ({
      fromMs: fromMs - load.load.beginMs,
      untilMs: untilMs - load.load.beginMs,
    }));
    return {
      measured: load.measured(),
      expectations: [
        ...outageExpectations(load, relative),
        countAtMost("processes that were restarted", await before.changed(), 0),
      ],
    };
  },
});
