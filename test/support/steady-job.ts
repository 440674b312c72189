/**
 * A batch job that is at work for as long as a test needs it to be, on a machine of any speed: it counts slowly until
 * it is told to hurry, and then ends at once.
 *
 *   const fleet = await Fleet.start({ settings: { CAIRN_TASKS: STEADY_TASKS } });
 *   const job = await SteadyJob.submit(fleet);
 *   const first = await fleet.running(job.id);
 *   await fleet.signal(first.worker, "SIGKILL");
 *   …
 *   job.hurry();
 *   expect(await job.over()).toMatchObject({ output: job.output });
 */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Job } from "../../src/contract/job.ts";
import { isFinal } from "../../src/domain/job-state.ts";
import { countDigest, type Fleet } from "./fleet.ts";

export const STEADY_TASKS = fileURLToPath(new URL("steady-tasks.mjs", import.meta.url));

/** Half a minute, if nobody tells it to hurry. */
const STEPS = 300;
const STEP_MS = 100;

export class SteadyJob {
  readonly id: string;
  /** What it must come to, whatever happened to it on the way. */
  readonly output = { steps: STEPS, digest: countDigest(STEPS) };
  readonly #fleet: Fleet;
  readonly #mark: string;

  private constructor(fleet: Fleet, id: string, mark: string) {
    this.#fleet = fleet;
    this.id = id;
    this.#mark = mark;
  }

  static async submit(fleet: Fleet): Promise<SteadyJob> {
    const hurry = join(fleet.folder, `hurry-${randomUUID()}`);
    const { job } = await fleet.client.submit({ task: "steady", input: { steps: STEPS, stepMs: STEP_MS, hurry } });
    return new SteadyJob(fleet, job.id, hurry);
  }

  hurry(): void {
    writeFileSync(this.#mark, "");
  }

  /** The job at its end, whichever it was. */
  over(): Promise<Job> {
    return this.#fleet.job(this.id, "ends", ({ state }) => isFinal(state));
  }
}
