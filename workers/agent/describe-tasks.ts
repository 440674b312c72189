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

const TIMEOUT_MS = 60_000;
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
  const timer = setTimeout(() => {
    if (child.pid !== undefined) killGroup(child.pid);
  }, TIMEOUT_MS);
  try {
    const answer = await new Promise<DescribeAnswer>((resolve, reject) => {
      child.once("message", (message) => resolve(message as DescribeAnswer));
      void ended(child).then(({ code, signal }) =>
        reject(new Error(`the task modules could not be loaded: their process ended with ${signal ?? `code ${code}`}`)),
      );
      tell(child, { kind: "describe", ...order });
    });
    if (answer.kind === "failed") throw new Error(answer.message);
    return answer;
  } finally {
    clearTimeout(timer);
  }
}
