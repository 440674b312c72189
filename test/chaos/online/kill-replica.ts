import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";

/** DESIGN, part 11, row 4: nothing fails, and what the replica had is answered elsewhere within hedge and work. */
export const killReplica = onStage({
  name: "kill-replica",
  title: "replicas are killed with SIGKILL, one after the other, under 60% load",
  play: async (stage) => {
    const seconds = stage.seconds(60, 9);
    const kill = (workerId: string) => async (): Promise<void> => {
      const pid = await stage.replicaOf(workerId);
      stage.say(`SIGKILL to the replica of ${workerId}`);
      process.kill(pid, "SIGKILL");
    };
    const load = await stage.load({
      perSecond: 576,
      seconds,
      events: ["w1", "w2", "w3"].map((id, n) => ({ atSecond: ((n + 1) * seconds) / 4, run: kill(id) })),
    });
    return {
      measured: load.measured(),
      expectations: [
        countAtMost("failed", load.failed, 0),
        atMost("p99.9", load.latency().p999, 400),
        countAtMost("extra executions", load.extraShare * 100, 5, "%"),
      ],
    };
  },
});
