/**
 * Online requests under faults: real processes, really killed, frozen and restarted, under load at fixed times.
 *
 *   npm run chaos -- online [--short] [--only NAME]… [--list] [--json]
 *
 * One scenario is one file of `online/`, with what is expected of it.
 */
import { runScenarios } from "../support/scenario.ts";
import { alwaysFails } from "./online/always-fails.ts";
import { blockedLoop } from "./online/blocked-loop.ts";
import { burst } from "./online/burst.ts";
import { fillBatch } from "./online/fill-batch.ts";
import { freezeReplica } from "./online/freeze-replica.ts";
import { greedyCaller } from "./online/greedy-caller.ts";
import { impatientCallers } from "./online/impatient-callers.ts";
import { killApi } from "./online/kill-api.ts";
import { killReplica } from "./online/kill-replica.ts";
import { killWorker } from "./online/kill-worker.ts";
import { overload, overloadOfTwo } from "./online/overload.ts";
import { partitionOfApi, partitionOfWorker } from "./online/partition.ts";
import { redisFailover } from "./online/redis-failover.ts";
import { redisPause } from "./online/redis-pause.ts";
import { redisRestart } from "./online/redis-restart.ts";
import { roll } from "./online/roll.ts";
import { slowReplica } from "./online/slow-replica.ts";
import { soak } from "./online/soak.ts";
import { versionSkew } from "./online/version-skew.ts";

await runScenarios([
  killReplica,
  killWorker,
  freezeReplica,
  slowReplica,
  blockedLoop,
  killApi,
  partitionOfWorker,
  partitionOfApi,
  versionSkew,
  roll,
  fillBatch,
  redisPause,
  redisRestart,
  redisFailover(),
  overload,
  overloadOfTwo,
  burst,
  greedyCaller,
  impatientCallers,
  alwaysFails,
  soak,
]);
