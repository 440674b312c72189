import { nothingWrong, onBatchStage, told } from "../../support/batch-stage.ts";

/** Facts, row 10: kill -9 of the agent, the keeper, the runner, or of everything that a worker is. */
export const killProcesses = onBatchStage({
  name: "kill-processes",
  title: "agents, keepers, runners and whole workers are killed with SIGKILL at random times",
  play: async (stage) => {
    const ids = await stage.count(6, { steps: stage.amount(1_500, 250), stepMs: 40, stateBytes: 20_000 });
    await stage.trouble(stage.amount(120, 15), 2_500, async () => {
      const worker = await stage.anyWorker();
      if (worker === null) return null;
      const kind = stage.pick(["agent", "keepers", "runners", "all"] as const);
      const killed = await stage.fleet.signal(worker, "SIGKILL", ...(kind === "all" ? [] : [kind]));
      if (kind === "agent" || kind === "all") stage.respawn(worker);
      return `SIGKILL to ${kind} of ${worker} (${killed.length} processes)`;
    });
    const audit = await stage.audit(ids);
    return { measured: told(stage, audit), expectations: nothingWrong(audit) };
  },
});
