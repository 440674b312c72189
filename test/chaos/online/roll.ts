import { childrenOf } from "../../support/child-processes.ts";
import { eventually } from "../../support/eventually.ts";
import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage, type Stage } from "../../support/stage.ts";

/** DESIGN, part 11, row 6: an upgrade is nothing that a caller notices. */
export const roll = onStage({
  name: "roll",
  title: "all workers, then all serving processes of the API are replaced one by one under 60% load, again and again",
  // A fourth worker: what is replaced must not be missed, and 60% of three is what the other three carry.
  stage: { workers: 4, settings: { CAIRN_API_PROCESSES: "2" } },
  play: async (stage) => {
    const healthy = await stage.load({ perSecond: 576, seconds: stage.seconds(20, 3) });
    const times = stage.times(3, 1);
    let rolling = true;
    const rolled = (async () => {
      for (let time = 1; time <= times; time += 1) {
        stage.say(`roll ${time} of ${times}`);
        for (const id of ["w1", "w2", "w3", "w4"]) await replaceWorker(stage, id);
        await replaceServing(stage);
      }
    })().finally(() => {
      rolling = false;
    });
    const [load] = await Promise.all([stage.load({ perSecond: 576, while: () => rolling }), rolled]);
    const { p99 } = load.latency();
    return {
      measured: { ...load.measured(), "healthy p99, ms": healthy.latency().p99 },
      expectations: [
        countAtMost("failed", load.failed, 0),
        countAtMost("extra executions", load.extraShare * 100, 5, "%"),
        atMost("p99, of the healthy one", p99 / healthy.latency().p99, 1.3, "×"),
      ],
    };
  },
});

/** As an operator does it: SIGTERM, wait until it has left, start the new one, wait until it serves. */
async function replaceWorker(stage: Stage, id: string): Promise<void> {
  await stage.fleet.leave(id);
  await stage.fleet.addWorker(id);
  await stage.replicaOf(id);
}

/** SIGHUP to the parent, which owns the socket. */
async function replaceServing(stage: Stage): Promise<void> {
  const { apiPid } = stage.fleet;
  const old = childrenOf(apiPid);
  process.kill(apiPid, "SIGHUP");
  await eventually(
    "all serving processes are new",
    () => {
      const now = childrenOf(apiPid);
      return now.length === old.length && now.every((pid) => !old.includes(pid));
    },
    { withinMs: 60_000 },
  );
}
