import { atLeast, atMost, countAtMost, type Finding } from "../../support/scenario.ts";
import { onStage, type Stage } from "../../support/stage.ts";
import { CAPACITY, refusals } from "./refusals.ts";

/** DESIGN, part 11, row 7. */
export const overload = onStage({
  name: "overload",
  title: "twice as many requests come as the replicas can take, and then 60% again",
  play,
});

/** Each has a limit of its own: what they hand over together is bounded by the queue that each of them sees. */
export const overloadOfTwo = onStage({
  name: "overload-of-two",
  title: "the same through two API processes, which know nothing of each other",
  stage: { apis: 2 },
  play,
});

/** Two loads at once, so that the one that stays shows how soon all is well again. */
async function play(stage: Stage): Promise<Finding> {
  const seconds = stage.seconds(60, 10);
  const before = stage.seconds(10, 4);
  const after = stage.seconds(15, 9);
  const headers = { "request-timeout-ms": "2000" };
  const usual = 0.6 * CAPACITY;
  // A busy machine's 50 ms are longer: what it can do is what it does when just a little too much comes.
  const able = (await stage.load({ perSecond: 1.1 * CAPACITY, seconds: 6, headers })).latency(2, 6).count / 4;
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
      "answers a second at 1.1 times": Math.round(able),
      "useful answers a second": Math.round(useful),
      "healthy p99, ms": healthy.p99,
      "p99 of those answered meanwhile, ms": extra.latency(2).p99,
      refused: refused.count,
    },
    expectations: [
      atLeast("useful, of what it can do", (100 * useful) / Math.min(able, CAPACITY), 95, "%"),
      atMost("refusals, p99", refused.p99Ms, 20),
      countAtMost("started past their deadline", late, 0),
      countAtMost("neither answered nor refused", refused.others, 0),
      atMost("p99 from 5 s after it, of the healthy one", lasting.latency(to + 5).p99 / healthy.p99, 1.2, "×"),
    ],
  };
}
