/**
 * Ends the runner, with all of its process group, when its keeper is gone. A thread of its own, because a step may
 * hold the event loop of the runner for hours.
 *
 * WD1 A runner never outlives its keeper by more than about half a second: what it computes then nobody will take, and
 *     its slot has been given away.
 */
import { workerData } from "node:worker_threads";

const EVERY_MS = 250;
const keeperPid = Number(workerData);

setInterval(() => {
  if (process.ppid === keeperPid) return;
  for (const target of [-process.pid, process.pid]) {
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // Not the leader of a group: then this process alone.
    }
  }
}, EVERY_MS);
