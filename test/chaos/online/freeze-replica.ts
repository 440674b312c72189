import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";

/** DESIGN, part 11, row 4; facts E3: frozen for 20 s with requests in its hands, then it goes on with them. */
export const freezeReplica = onStage({
  name: "freeze-replica",
  title: "a replica is frozen with SIGSTOP under 60% load of two replicas, and thaws",
  play: async (stage) => {
    const frozen = stage.seconds(20, 4);
    const begin = stage.seconds(15, 3);
    const pid = await stage.replicaOf("w1");
    const load = await stage.load({
      perSecond: 384,
      seconds: begin + frozen + stage.seconds(15, 3),
      events: [
        { atSecond: begin, run: () => process.kill(pid, "SIGSTOP") },
        { atSecond: begin + frozen, run: () => process.kill(pid, "SIGCONT") },
      ],
    });
    const healthy = load.latency(0, begin);
    return {
      measured: {
        ...load.measured(),
        "healthy p99, ms": healthy.p99,
        "p99 in the first 2 s of the freeze, ms": load.latency(begin, begin + 2).p99,
        "p99 from then on, ms": load.latency(begin + 2).p99,
      },
      expectations: [
        countAtMost("failed", load.failed, 0),
        atMost("p99.9", load.latency().p999, 400),
        atMost("p99 in the first 2 s, of the healthy one", load.latency(begin, begin + 2).p99 / healthy.p99, 3, "×"),
        atMost("p99 from then on, of the healthy one", load.latency(begin + 2).p99 / healthy.p99, 1.2, "×"),
      ],
    };
  },
});
