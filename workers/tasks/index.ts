/** The tasks that every worker has unless its operator says otherwise. */
import type { Task } from "../../src/index.ts";
import { count } from "./count.ts";
import { echo } from "./echo.ts";
import { once } from "./once.ts";
import { sleep } from "./sleep.ts";

export const builtinTasks: readonly Task[] = [echo, sleep, once, count];
