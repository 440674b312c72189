import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage, type Stage } from "../../support/stage.ts";

/** DESIGN, part 11, row 5: hedges cover it at once, ejection from then on; well again, it comes back. */
export const slowReplica = onStage({
  name: "slow-replica",
  title: "one of three replicas takes ten times as long, under 40% load, and later as long as before",
  play: async (stage) => {
    const begin = stage.seconds(15, 3);
    const slow = stage.seconds(25, 6);
    const after = stage.seconds(20, 3);
    const pid = await stage.replicaOf("w2");
    const parked = watchParked(stage);
    const load = await stage.load({
      perSecond: 384,
      seconds: begin + slow + after,
      events: [
        { atSecond: begin, run: () => stage.slowDown(pid, 10) },
        { atSecond: begin + slow, run: () => stage.slowDown(pid, 1) },
      ],
    });
    const told = parked();
    const healthy = load.latency(begin / 3, begin).p99; // What a leap of the load costs is another matter.
    const atOnce = load.latency(begin, begin + Math.min(5, slow)).p99;
    const later = load.latency(begin + Math.min(5, slow / 2), begin + slow).p99;
    return {
      measured: {
        ...load.measured(),
        "healthy p99, ms": healthy,
        "p99 in the first 5 s of slowness, ms": atOnce,
        "p99 after 5 s of slowness, ms": later,
        "p99 when it is well again, ms": load.latency(begin + slow).p99,
        "parked (w2 is the slow one)": told,
      },
      expectations: [
        countAtMost("failed", load.failed, 0),
        atMost("p99 at once, of the healthy one", atOnce / healthy, 2, "×"),
        atMost("p99 after 5 s, of the healthy one", later / healthy, 1.2, "×"),
        countAtMost("extra executions", load.extraShare * 100, 5, "%"),
      ],
    };
  },
});

/** Tells who was parked for `work` when. @returns ends the watch and gives what was seen */
function watchParked(stage: Stage): () => string {
  const begin = performance.now();
  const seen: string[] = [];
  let before = "";
  const timer = setInterval(() => {
    void Promise.all(["w1", "w2", "w3"].map((id) => stage.fleet.client.worker(id))).then(
      (workers) => {
        const now = workers.filter(({ replicas }) => replicas.some(({ parked }) => parked.includes("work")));
        const names = now.map(({ id }) => id).join("+");
        if (names === before) return;
        before = names;
        seen.push(`${((performance.now() - begin) / 1_000).toFixed(1)} s: ${names === "" ? "nobody" : names}`);
      },
      () => undefined, // It is asked again.
    );
  }, 250);
  return () => {
    clearInterval(timer);
    return seen.length === 0 ? "nobody" : seen.join(", ");
  };
}
