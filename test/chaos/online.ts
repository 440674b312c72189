/**
 * Online requests under faults: real processes, really killed, frozen and restarted, under load at fixed times.
 *
 *   npm run chaos -- online [--short] [--only NAME]… [--list] [--json]
 *
 * One scenario is one file of `online/`, with what is expected of it.
 */
import { runScenarios } from "../support/scenario.ts";
import { blockedLoop } from "./online/blocked-loop.ts";
import { freezeReplica } from "./online/freeze-replica.ts";
import { killReplica } from "./online/kill-replica.ts";
import { killWorker } from "./online/kill-worker.ts";
import { slowReplica } from "./online/slow-replica.ts";

await runScenarios([killReplica, killWorker, freezeReplica, slowReplica, blockedLoop]);
