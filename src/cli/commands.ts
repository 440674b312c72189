/** Every command of `cairn`, in the order of the help. */
import type { Command } from "./command.ts";
import { arrays } from "./commands/arrays.ts";
import { queues, slow, tasks } from "./commands/catalogue.ts";
import { controls, fork, retry } from "./commands/control.ts";
import { doctor } from "./commands/doctor.ts";
import { explain } from "./commands/explain.ts";
import { get, ls } from "./commands/jobs.ts";
import { logs } from "./commands/logs.ts";
import { api, dev, store, worker } from "./commands/processes.ts";
import { schedule, schedules, unschedule } from "./commands/schedules.ts";
import { simulate } from "./commands/simulate.ts";
import { invoke, submit } from "./commands/submit.ts";
import { watch } from "./commands/watch.ts";
import { orders, workers } from "./commands/workers.ts";

export const COMMANDS: readonly Command[] = [
  dev,
  api,
  worker,
  store,
  simulate,
  submit,
  invoke,
  schedule,
  ls,
  get,
  watch,
  logs,
  explain,
  arrays,
  schedules,
  tasks,
  slow,
  queues,
  ...controls,
  retry,
  fork,
  unschedule,
  workers,
  ...orders,
  doctor,
];
