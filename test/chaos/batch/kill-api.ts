import { CairnClient } from "../../../src/client/client.ts";
import { nothingWrong, onBatchStage, told } from "../../support/batch-stage.ts";
import { countAtMost } from "../../support/scenario.ts";

/** Nothing that was accepted is lost with the process that accepted it, and nothing is accepted twice. */
export const killApi = onBatchStage({
  name: "kill-api",
  title:
    "the API that jobs are submitted to is killed, again and again; each job is sent, with a key, until it is accepted",
  stage: { workers: 2, settings: { CAIRN_BATCH_SLOTS: "4" } },
  play: async (stage) => {
    let api = await stage.fleet.addApi();
    let submitted = false;
    const once = (): CairnClient => new CairnClient({ url: api.url, maxTries: 1 });
    const submitting = stage
      .count(stage.amount(1_500, 200), { steps: 5, stepMs: 10 }, once)
      .finally(() => (submitted = true));
    await stage.trouble(stage.amount(60, 8), stage.amount(500, 150), async () => {
      if (submitted) return null;
      api.child.kill("SIGKILL");
      api = await stage.fleet.addApi();
      return "SIGKILL to the API";
    });
    const ids = await submitting;
    const audit = await stage.audit(ids);
    let known = 0;
    for await (const job of stage.fleet.client.jobs({})) if (job.task === "count") known += 1;
    return {
      measured: { ...told(stage, audit), "jobs known": known },
      expectations: [...nothingWrong(audit), countAtMost("jobs beyond those asked for", known - ids.length, 0)],
    };
  },
});
