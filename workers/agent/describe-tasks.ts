/** What the worker's tasks are, found out in a child process: user code is loaded there and not here. */
import type { DescribeAnswer, DescribeOrder } from "../describer/main.ts";
import { ended, forkChild, killGroup, tell, type Environment } from "./children.ts";

const TIMEOUT_MS = 60_000;

/**
 * @throws Error with what is wrong with a module and where
 */
export async function describeTasks(
  order: Omit<DescribeOrder, "kind">,
  environment: Environment,
): Promise<Extract<DescribeAnswer, { kind: "described" }>> {
  const child = forkChild(new URL("../describer/main.js", import.meta.url), environment);
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
