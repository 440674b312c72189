import { countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";

/** Facts E3: a storm of failures is not made worse by retries: a tenth more, and three a second. */
export const alwaysFails = onStage({
  name: "always-fails",
  title: "each execution fails, at a fifth of what the replicas can take",
  play: async (stage) => {
    const seconds = stage.seconds(30, 8);
    const load = await stage.load({ perSecond: 200, seconds, fail: true });
    const { began } = load.executions;
    const { sent } = load.load;
    const floor = 3 * (seconds + 10);
    return {
      measured: load.measured(),
      expectations: [
        countAtMost("executions", began, 1.1 * sent + floor),
        countAtMost("executions without the floor, of the requests", (began - floor) / sent, 1.1, "×"),
        countAtMost("answers that are not 502 task_failed", sent - (load.load.failures["502 task_failed"] ?? 0), 0),
      ],
    };
  },
});
