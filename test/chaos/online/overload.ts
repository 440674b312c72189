import { atLeast, atMost, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";
import { CAPACITY, refusals } from "./refusals.ts";

/** DESIGN, part 11, row 7. Two loads at once, so that the one that stays shows how soon all is well again. */
export const overload = onStage({
  name: "overload",
  title: "twice as many requests come as the replicas can take, and then 60% again",
  play: async (stage) => {
    const seconds = stage.seconds(60, 10);
    const before = stage.seconds(10, 4);
    const after = stage.seconds(15, 9);
    const headers = { "request-timeout-ms": "2000" };
    const usual = 0.6 * CAPACITY;
    const [lasting, extra] = await Promise.all([
      stage.load({ perSecond: usual, seconds: before + seconds + after, headers }),
      stage.pause(before).then(() => stage.load({ perSecond: 2 * CAPACITY - usual, seconds, headers })),
    ]);
    const healthy = lasting.latency(1, before);
    const [from, to] = [before + 2, before + seconds];
    const answered = lasting.latency(from, to).count + extra.latency(2, seconds).count;
    const useful = answered / (seconds - 2);
    const refused = refusals([lasting, extra]);
    const late = lasting.executions.late + extra.executions.late;
    return {
      measured: {
        ...extra.measured(),
        "useful answers a second": Math.round(useful),
        "healthy p99, ms": healthy.p99,
        "p99 of those answered meanwhile, ms": extra.latency(2).p99,
        refused: refused.count,
      },
      expectations: [
        atLeast("useful, of what 48 slots can do", (100 * useful) / CAPACITY, 95, "%"),
        atMost("refusals, p99", refused.p99Ms, 20),
        countAtMost("started past their deadline", late, 0),
        countAtMost("neither answered nor refused", refused.others, 0),
        atMost("p99 from 5 s after it, of the healthy one", lasting.latency(to + 5).p99 / healthy.p99, 1.2, "×"),
      ],
    };
  },
});
