import { setTimeout as delay } from "node:timers/promises";
import { nothingWrong, onBatchStage, told } from "../../support/batch-stage.ts";

/** Frozen for up to three leases, then it goes on with what it has in its hands: what is late is refused. */
export const freezeProcesses = onBatchStage({
  name: "freeze-processes",
  title: "agents, keepers, runners and whole workers are frozen with SIGSTOP, past their lease, and thaw",
  play: async (stage) => {
    const ids = await stage.count(4, { steps: stage.amount(1_500, 250), stepMs: 40, stateBytes: 20_000 });
    await stage.trouble(stage.amount(150, 18), 1_000, async () => {
      const worker = await stage.anyWorker();
      if (worker === null) return null;
      const kind = stage.pick(["agent", "keepers", "runners", "all"] as const);
      const frozen = await stage.fleet.signal(worker, "SIGSTOP", ...(kind === "all" ? [] : [kind]));
      const ms = stage.between(500, 7_500);
      await delay(ms);
      for (const pid of frozen) {
        try {
          process.kill(pid, "SIGCONT");
        } catch {
          // It was ended meanwhile.
        }
      }
      return `SIGSTOP to ${kind} of ${worker} for ${(ms / 1_000).toFixed(1)} s`;
    });
    const audit = await stage.audit(ids);
    return { measured: told(stage, audit), expectations: nothingWrong(audit) };
  },
});
