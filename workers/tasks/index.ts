/** The tasks that every worker has unless its operator says otherwise. */
import type { Task } from "../../src/index.ts";
import { count } from "./count.ts";
import { echo } from "./echo.ts";
import { forecast } from "./forecast.ts";
import { once } from "./once.ts";
import { sleep } from "./sleep.ts";
import { weather } from "./weather/weather.ts";

export const builtinTasks: readonly Task[] = [echo, sleep, once, count, weather, forecast];
