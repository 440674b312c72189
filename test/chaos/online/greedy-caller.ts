import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";
import { refusals } from "./refusals.ts";

/** Facts E3: one caller at fifty times its share; the others' p99 stays within 1.5 times what it was. */
export const greedyCaller = onStage({
  name: "greedy-caller",
  title: "one caller sends fifty times as much as each of five others, and more than the replicas can take",
  play: async (stage) => {
    const seconds = stage.seconds(40, 8);
    const quiet = stage.seconds(15, 5);
    const timeout = { "request-timeout-ms": "2000" };
    const modest = Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        stage.load({ perSecond: 40, seconds: quiet + seconds, headers: { ...timeout, "cairn-caller": `modest-${n}` } }),
      ),
    );
    const greedy = await stage
      .pause(quiet)
      .then(() => stage.load({ perSecond: 2_000, seconds, headers: { ...timeout, "cairn-caller": "greedy" } }));
    const others = await modest;
    const worst = (fromSecond: number, toSecond?: number): number =>
      Math.max(...others.map((one) => one.latency(fromSecond, toSecond).p99));
    const failed = others.reduce((sum, one) => sum + one.failed, 0);
    return {
      measured: {
        ...greedy.measured(),
        "the others' p99 before, ms": worst(1, quiet),
        "the others' p99 meanwhile, ms": worst(quiet + 1),
        "the others' failures": JSON.stringify(others.map(({ load }) => load.failures)),
      },
      expectations: [
        countAtMost("requests of the others that were refused or lost", failed, 0),
        atMost("the others' p99, of what it was", worst(quiet + 1) / worst(1, quiet), 1.5, "×"),
        countAtMost("neither answered nor refused", refusals([greedy]).others, 0),
      ],
    };
  },
});
