/** Waits for the end of a job however long it takes, as long as something happens to it. */
import { setTimeout as delay } from "node:timers/promises";
import type { CairnClient } from "../../src/client/client.ts";
import { mayPass } from "../../src/client/fault.ts";
import type { Job } from "../../src/contract/job.ts";
import { isFinal } from "../../src/domain/job-state.ts";

/** How long a job may stand where it is, ms: however busy the machine, something of it gets on within that time. */
const PATIENCE_MS = 180_000;
const LOOK_MS = 200;

/** @throws when nothing happens to it any more */
export async function untilEnded(client: CairnClient, id: string): Promise<Job> {
  let [seen, sinceMs] = ["", performance.now()];
  for (;;) {
    const job = await client.job(id).catch((error: unknown) => {
      if (mayPass(error)) return null;
      throw error;
    });
    if (job !== null && isFinal(job.state)) return job;
    const standing = JSON.stringify([job?.state, job?.attempts, job?.progress?.completed, job?.checkpoint?.seq]);
    if (standing !== seen) [seen, sinceMs] = [standing, performance.now()];
    if (performance.now() - sinceMs > PATIENCE_MS) {
      throw new Error(`for ${PATIENCE_MS} ms nothing has happened to ${id}: ${JSON.stringify(job)}`);
    }
    await delay(LOOK_MS);
  }
}
