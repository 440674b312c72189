/**
 * Batch jobs under faults: real processes, really killed and frozen, real files damaged, a Redis that is killed, cut
 * and set back. Every job has to end with the result of an undisturbed run.
 *
 *   npm run chaos -- batch [--short] [--only NAME]… [--list] [--json]
 *
 * One scenario is one file of `batch/`. `CHAOS_SEED` repeats a plan.
 */
import { runScenarios } from "../support/scenario.ts";
import { clockJumps } from "./batch/clock-jumps.ts";
import { damagedCheckpoints } from "./batch/damaged-checkpoints.ts";
import { diskErrors } from "./batch/disk-errors.ts";
import { diskFull } from "./batch/disk-full.ts";
import { freezeProcesses } from "./batch/freeze-processes.ts";
import { killApi } from "./batch/kill-api.ts";
import { killProcesses } from "./batch/kill-processes.ts";
import { partition } from "./batch/partition.ts";
import { random } from "./batch/random.ts";
import { redisCut } from "./batch/redis-cut.ts";
import { redisKilled } from "./batch/redis-killed.ts";
import { redisSetBack } from "./batch/redis-set-back.ts";

await runScenarios([
  killProcesses,
  freezeProcesses,
  damagedCheckpoints,
  diskFull,
  diskErrors,
  killApi,
  redisKilled,
  redisCut,
  redisSetBack,
  partition,
  clockJumps,
  random,
]);
