import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";

/** Its callers lose their connections, nobody else notices anything, and its address is served again at once. */
export const killApi = onStage({
  name: "kill-api",
  title: "one of two API processes is killed under load, and a serving process of the other one",
  stage: { apis: 2 },
  play: async (stage) => {
    const seconds = stage.seconds(30, 8);
    const [first, second] = stage.fleet.clients.map(({ url }) => Number(new URL(url).port));
    const steady = stage.load({ caller: stage.callerOf(first ?? 0), perSecond: 150, seconds });
    const [, secondPid] = stage.fleet.apiPids;
    const struck = stage.load({
      caller: stage.callerOf(second ?? 0),
      perSecond: 150,
      seconds,
      events: [{ atSecond: seconds / 2, run: () => stage.fleet.killServing(secondPid ?? 0) }],
    });
    const [whole, broken] = await Promise.all([steady, struck]);
    // What was under way breaks off with its process; a second later another one serves the address.
    const { misses } = broken.load;
    const excused = misses.filter(
      ({ ending, endedMs }) => ending.startsWith("connection") && endedMs <= (seconds / 2) * 1_000 + 1_000,
    );
    return {
      measured: { ...whole.measured(), "failures at the struck one": JSON.stringify(broken.load.failures) },
      expectations: [
        countAtMost("failed at the other address", whole.failed, 0),
        // How soon depends on how long a process takes to start.
        atMost("failed at the struck one, but what was under way", misses.length - excused.length, 0, ""),
      ],
    };
  },
});
