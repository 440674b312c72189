import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";

/** Facts E3: a handler gives the event loop of its replica no turn for five seconds; what waits there goes elsewhere. */
export const blockedLoop = onStage({
  name: "blocked-loop",
  title: "a handler blocks the event loop of its replica for 5 s, under 40% load",
  play: async (stage) => {
    const begin = stage.seconds(10, 2);
    const blockMs = 5_000;
    const blocking: Promise<unknown>[] = [];
    const block = (): void => void blocking.push(stage.fleet.client.invoke("seize", { ms: blockMs }));
    const load = await stage.load({
      perSecond: 384,
      seconds: begin + 5 + stage.seconds(15, 3),
      events: [{ atSecond: begin, run: block }],
    });
    const seized = (await Promise.allSettled(blocking)).filter(({ status }) => status === "fulfilled").length;
    const healthy = load.latency(begin / 3, begin).p99;
    return {
      measured: {
        ...load.measured(),
        "healthy p99, ms": healthy,
        "p99 while it is blocked, ms": load.latency(begin, begin + 5).p99,
        "p99 from then on, ms": load.latency(begin + 5).p99,
      },
      expectations: [
        countAtMost("failed", load.failed, 0),
        countAtMost("blocking requests that were not answered", blocking.length - seized, 0),
        atMost("p99.9", load.latency().p999, 400),
        atMost("p99 while it is blocked, of the healthy one", load.latency(begin, begin + 5).p99 / healthy, 3, "×"),
        countAtMost("extra executions", load.extraShare * 100, 5, "%"),
      ],
    };
  },
});
