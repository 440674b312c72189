import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage, type Stage, type WorkResult } from "../../support/stage.ts";
import { startSentinelRedis, type SentinelRedis } from "../../support/redis-sentinel.ts";
import { outageExpectations, type Outage } from "./redis-outage.ts";
import { samePids } from "./same-pids.ts";

interface FailedOver {
  readonly load: WorkResult;
  readonly outage: Outage;
  /** From the promotion until every replica has begun a request, ms. */
  readonly allConsumingMs: number;
}

/** DESIGN, part 11, row 9; `--repeat 100` is the form in which it is promised. */
export const redisFailover = (): ReturnType<typeof onStage> => {
  const bed: { redis?: SentinelRedis } = {};
  return onStage({
    name: "redis-failover",
    title: "the primary of a Sentinel set is killed under load, again and again",
    stage: {
      redis: async () => {
        bed.redis = await startSentinelRedis();
        return bed.redis;
      },
    },
    play: async (stage) => {
      const { redis } = bed;
      if (redis === undefined) throw new Error("no Redis was started");
      const before = await samePids(stage);
      const times = stage.times(10, 1);
      const rounds: FailedOver[] = [];
      for (let time = 1; time <= times; time += 1) {
        const round = await failOver(stage, redis);
        rounds.push(round);
        stage.say(
          `${time} of ${times}: all replicas consume ${round.allConsumingMs.toFixed(0)} ms after the promotion`,
        );
        if (time < times) await redis.restoreReplica();
      }
      const worst = rounds
        .map(({ load, outage }) => outageExpectations(load, [outage]))
        .reduce((all, one) => all.map((each, at) => ((one[at]?.is ?? 0) > each.is ? (one[at] ?? each) : each)));
      const away = rounds.map(({ outage }) => outage.untilMs - outage.fromMs);
      return {
        measured: {
          "fail-overs": times,
          "from the kill to the promotion, ms (Sentinel's part)": `${Math.min(...away).toFixed(0)} to ${Math.max(...away).toFixed(0)}`,
          ...rounds.at(-1)?.load.measured(),
        },
        expectations: [
          ...worst,
          atMost(
            "all replicas consume after the promotion",
            Math.max(...rounds.map((one) => one.allConsumingMs)),
            3_000,
          ),
          countAtMost("processes that were restarted", await before.changed(), 0),
        ],
      };
    },
  });
};

async function failOver(stage: Stage, redis: SentinelRedis): Promise<FailedOver> {
  let fromMs = 0;
  let promotedMs = 0;
  let promotedAtMs = 0;
  let open = true;
  const load = await stage.load({
    perSecond: 200,
    while: () => open,
    events: [
      {
        atSecond: 1,
        run: async () => {
          fromMs = performance.now();
          promotedMs = await redis.failOver();
          promotedAtMs = Date.now();
          setTimeout(() => (open = false), 5_000);
        },
      },
    ],
  });
  const firsts = [...load.executions.beganAtMs.values()].map(
    (times) => times.find((atMs) => atMs > promotedAtMs) ?? Number.POSITIVE_INFINITY,
  );
  const { beginMs } = load.load;
  return {
    load,
    outage: { fromMs: fromMs - beginMs, untilMs: promotedMs - beginMs },
    allConsumingMs: firsts.length < 3 ? Number.POSITIVE_INFINITY : Math.max(...firsts) - promotedAtMs,
  };
}
