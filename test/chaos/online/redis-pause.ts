import { countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";
import { outageExpectations } from "./redis-outage.ts";
import { samePids } from "./same-pids.ts";

/** Facts E3: connections stay open, and nobody answers; what ran meanwhile is answered afterwards. */
export const redisPause = onStage({
  name: "redis-pause",
  title: "Redis is frozen with SIGSTOP for 5 s under load, and goes on",
  play: async (stage) => {
    const { redis } = stage.fleet;
    const fromS = stage.seconds(10, 2);
    const frozenS = 5;
    const before = await samePids(stage);
    const load = await stage.load({
      perSecond: 300,
      seconds: fromS + frozenS + stage.seconds(15, 5),
      events: [
        { atSecond: fromS, run: () => redis.pause() },
        { atSecond: fromS + frozenS, run: () => redis.resume() },
      ],
    });
    const outage = { fromMs: fromS * 1_000, untilMs: (fromS + frozenS) * 1_000 };
    return {
      measured: load.measured(),
      expectations: [
        ...outageExpectations(load, [outage]),
        countAtMost("processes that were restarted", await before.changed(), 0),
      ],
    };
  },
});
