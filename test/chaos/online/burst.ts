import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";
import { CAPACITY, refusals } from "./refusals.ts";

/** Facts E3: all of it is absorbed or cleanly refused, and three seconds later nobody notices any more. */
export const burst = onStage({
  name: "burst",
  title: "for one second ten times as many requests come as the replicas can take, on top of half of it",
  play: async (stage) => {
    const begin = stage.seconds(10, 4);
    const after = stage.seconds(15, 7);
    const headers = { "request-timeout-ms": "2000" };
    const [lasting, sudden] = await Promise.all([
      stage.load({ perSecond: CAPACITY / 2, seconds: begin + after, headers }),
      stage.pause(begin).then(() => stage.load({ perSecond: 10 * CAPACITY, seconds: 1, headers })),
    ]);
    const healthy = lasting.latency(1, begin);
    const recovered = lasting.latency(begin + 1 + 3);
    const refused = refusals([lasting, sudden]);
    return {
      measured: { ...sudden.measured(), "healthy p99, ms": healthy.p99, "refusals, p99, ms": refused.p99Ms },
      expectations: [
        countAtMost("neither answered nor refused", refused.others, 0),
        countAtMost("started past their deadline", lasting.executions.late + sudden.executions.late, 0),
        atMost("p99 from 3 s after it, of the healthy one", recovered.p99 / healthy.p99, 1.2, "×"),
      ],
    };
  },
});
