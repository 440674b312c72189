/**
 * Loads the task modules once, in a process of its own, and says what is in them: an agent runs no user code.
 *
 * Gets `{kind: "describe", …}`, answers `{kind: "described", …}` or `{kind: "failed", message}`, and exits.
 */
import type { TaskInfo } from "../../src/contract/worker.ts";
import { bundleTasks } from "../../src/tasks/bundle.ts";
import { loadTasks } from "../../src/tasks/load-tasks.ts";
import { describeTask } from "../../src/tasks/task-info.ts";

export interface DescribeOrder {
  readonly kind: "describe";
  /** The user's modules, as given on the command line. */
  readonly modules: readonly string[];
  readonly builtins: "on" | "off";
  /** Where bundles are kept. */
  readonly bundleFolder: string;
}

export type DescribeAnswer =
  | { readonly kind: "described"; readonly tasks: readonly TaskInfo[]; readonly bundles: readonly string[] }
  | { readonly kind: "failed"; readonly message: string };

process.once("message", (order: DescribeOrder) => {
  describe(order).then(
    (answer) => process.send?.(answer, () => process.disconnect()),
    (error: unknown) =>
      process.send?.({ kind: "failed", message: error instanceof Error ? error.message : String(error) }, () =>
        process.disconnect(),
      ),
  );
});

async function describe(order: DescribeOrder): Promise<DescribeAnswer> {
  const bundles = await bundleTasks({ modules: order.modules, folder: order.bundleFolder });
  const tasks = await loadTasks({ builtins: order.builtins, modules: bundles });
  return { kind: "described", tasks: [...tasks.values()].map(describeTask), bundles };
}
