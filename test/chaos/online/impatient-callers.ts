import { closedLoop } from "../../support/closed-loop.ts";
import { post } from "../../support/http-caller.ts";
import { atLeast, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";

const CONNECTIONS = 3_000;
/** As many as keep every slot of three replicas busy, and none of them refused. */
const CONTENT = 96;
const REFUSED = "503 no_capacity";

/** Refusing costs as much as answering: whoever asks again at once must not get all the time there is. */
export const impatientCallers = onStage({
  name: "impatient-callers",
  title: `${CONNECTIONS} connections ask again at once, whatever Retry-After says`,
  play: async (stage) => {
    const seconds = stage.seconds(30, 8);
    const request = post("/v1/tasks/sleep/invoke", JSON.stringify({ ms: 50 }));
    const { caller } = stage;
    const able = await closedLoop({ caller, request, inFlight: CONTENT, seconds: 3 });
    const storm = await closedLoop({ caller, request, inFlight: CONNECTIONS, seconds });
    const { [REFUSED]: refused = 0, ...others } = storm.failures;
    return {
      measured: {
        "answers a second to 96 at a time": Math.round(able.perSecond),
        "useful answers a second": Math.round(storm.perSecond),
        "refusals a second": Math.round(refused / seconds),
        "latency p50 / p99 of those answered, ms": `${storm.latency.p50.toFixed(0)} / ${storm.latency.p99.toFixed(0)}`,
        neither: JSON.stringify(others),
      },
      expectations: [
        atLeast("useful, of what it can do", (100 * storm.perSecond) / able.perSecond, 75, "%"),
        countAtMost(
          "neither answered nor refused",
          Object.values(others).reduce((sum, one) => sum + one, 0),
          0,
        ),
      ],
    };
  },
});
