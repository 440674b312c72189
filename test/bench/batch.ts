/**
 * What checkpoints are worth: goodput on workers that die, how soon a job goes on elsewhere, how soon an order arrives.
 *
 *   npm run bench -- batch [--short] [--only NAME]… [--list] [--json]
 *
 * One scenario is one file of `batch/`, with what is expected of it. `CHAOS_SEED` repeats a plan.
 */
import { runScenarios } from "../support/scenario.ts";
import { control } from "./batch/control.ts";
import { goodput } from "./batch/goodput.ts";
import { resume } from "./batch/resume.ts";

await runScenarios([goodput(60, 0.82), goodput(300, 0.93), resume, control]);
