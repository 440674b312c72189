import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";

/** As a machine that is switched off: agent and replica end at once, nobody says a word. */
export const killWorker = onStage({
  name: "kill-worker",
  title: "a worker is killed, agent and replica at once, under 60% load, and comes back",
  play: async (stage) => {
    const seconds = stage.seconds(60, 9);
    const load = await stage.load({
      perSecond: 576,
      seconds,
      events: [
        { atSecond: seconds / 4, run: () => stage.fleet.signal("w1", "SIGKILL") },
        { atSecond: seconds / 2, run: () => stage.fleet.addWorker("w1") },
        // The agent alone: its replica notices, and ends too.
        { atSecond: (3 * seconds) / 4, run: () => stage.fleet.signal("w2", "SIGKILL", "agent") },
      ],
    });
    return {
      measured: load.measured(),
      expectations: [countAtMost("failed", load.failed, 0), atMost("p99.9", load.latency().p999, 400)],
    };
  },
});
