/**
 * What the worker's tasks are, found out in a child process: user code is loaded there and not here.
 *
 * DT1 It has what processor time others leave: a worker that starts on a busy machine, in a rolling restart for
 *     instance, must not take it from requests that are being answered there.
 */
import { setPriority } from "node:os";
import type { DescribeAnswer, DescribeOrder } from "../describer/main.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { lowerSession } from "../keeper/background-priority.ts";
import { ended, forkChild, killGroup, tell, type Environment } from "./children.ts";

/** Long: with what others leave (DT1), on a machine that is full, a minute is not enough to load anything. */
const TIMEOUT_MS = 300_000;
const NICE = 10;

/**
 * @throws Error with what is wrong with a module and where
 */
export async function describeTasks(
  order: Omit<DescribeOrder, "kind">,
  environment: Environment,
): Promise<Extract<DescribeAnswer, { kind: "described" }>> {
  const child = forkChild(new URL("../describer/main.js", import.meta.url), environment);
  if (child.pid !== undefined) {
    setPriority(child.pid, NICE); // DT1
    void lowerSession(child.pid, NICE, systemClock);
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    if (child.pid !== undefined) killGroup(child.pid);
  }, TIMEOUT_MS);
  try {
    const answer = await new Promise<DescribeAnswer>((resolve, reject) => {
      child.once("message", (message) => resolve(message as DescribeAnswer));
      void ended(child).then(({ code, signal }) =>
        reject(
          new Error(
            isLate
              ? `the tasks were not loaded within ${TIMEOUT_MS / 1000} s: a module does not come to its end, or the machine is too busy`
              : `the tasks could not be loaded: their process ended with ${signal ?? `code ${code}`}`,
          ),
        ),
      );
      tell(child, { kind: "describe", ...order });
    });
    if (answer.kind === "failed") throw new Error(answer.message);
    return answer;
  } finally {
    clearTimeout(timer);
  }
}
