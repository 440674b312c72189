/**
 * The runner of a program: a process between keeper and program, the leader of their process group. The program's
 * output passes through it; everything that takes long (hashing, storing) is the keeper's.
 *
 * PM1 It ends with its keeper: by the channel, and by the watchdog thread. The program ends with it: by the guard
 *     (`guard.ts`), however this process ended.
 * PM2 It is deaf to signals that are meant for others: what becomes of the program is said over the channel.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { systemClock } from "../../src/runtime/clock.ts";
import { KeeperLink } from "../runner/keeper-link.ts";
import type { RunnerAssignment } from "../runner/protocol.ts";
import { Driver } from "./driver.ts";
import { Guard } from "./guard.ts";

/** Not `process.ppid`: the keeper may be gone before that is asked. */
const keeperPid = Number(process.argv[2]);
const DEAF_TO = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTSTP"] as const;

let driver: Driver | null = null;
let guard: Guard | null = null;

async function run(assignment: RunnerAssignment): Promise<void> {
  const watchdog = new Worker(new URL("../runner/watchdog.js", import.meta.url), { workerData: keeperPid });
  watchdog.unref();
  await once(watchdog, "online"); // Before anything is started (PM1).
  guard = new Guard(assignment.mark, assignment.cgroup);
  driver = new Driver({ assignment, link, clock: systemClock, guard: guard.pid });
  const last = await driver.run();
  await link.sayLast(last);
  guard.dismiss();
  process.exit(0);
}

async function end(): Promise<void> {
  await driver?.end();
  guard?.dismiss();
  process.exit(0);
}

/** PM1. SIGKILL for ourselves: the exit code then tells nothing wrong. */
function giveUp(): void {
  void (driver?.end() ?? Promise.resolve()).finally(() => process.kill(process.pid, "SIGKILL"));
}

for (const signal of DEAF_TO) process.on(signal, () => undefined); // PM2

const link = new KeeperLink((order) => {
  switch (order.kind) {
    case "start":
      void run(order.assignment);
      return;
    case "save":
      void driver?.save(order);
      return;
    case "not_stored":
      driver?.notStored();
      return;
    case "end":
      void end();
      return;
  }
}, giveUp);
