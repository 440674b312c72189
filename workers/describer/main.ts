/**
 * Loads the task modules once, in a process of its own, and says what is in them: an agent runs no user code.
 *
 * Gets `{kind: "describe", …}`, answers `{kind: "described", …}` or `{kind: "failed", message}`, and exits.
 */
import type { TaskInfo } from "../../src/contract/worker.ts";
import { inheritedEnvironment } from "../../src/runtime/config.ts";
import { bundleTasks } from "../../src/tasks/bundle.ts";
import { isProgram } from "../../src/tasks/define.ts";
import { loadTasks } from "../../src/tasks/load-tasks.ts";
import { demandExecutable } from "../../src/tasks/program/find-executable.ts";
import { userOf } from "../../src/tasks/program/program-user.ts";
import { keepPrograms } from "../../src/tasks/program/programs-file.ts";
import { describeTask } from "../../src/tasks/task-info.ts";

export interface DescribeOrder {
  readonly kind: "describe";
  /** The user's modules, as given on the command line. */
  readonly modules: readonly string[];
  /** Files with programs, as given on the command line. */
  readonly programs: readonly string[];
  readonly builtins: "on" | "off";
  /** Where bundles are kept. */
  readonly bundleFolder: string;
}

export type DescribeAnswer =
  | {
      readonly kind: "described";
      readonly tasks: readonly TaskInfo[];
      readonly bundles: readonly string[];
      /** Names of the tasks that are programs. */
      readonly programs: readonly string[];
      /** Variables of the worker that they are to see. */
      readonly passEnv: readonly string[];
    }
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
  const folder = order.bundleFolder;
  const bundles = [
    ...(await bundleTasks({ modules: order.modules, folder })),
    ...(await keepPrograms(order.programs, folder)),
  ];
  const tasks = [...(await loadTasks({ builtins: order.builtins, modules: bundles })).values()];
  const programs = tasks.filter(isProgram);
  for (const program of programs) {
    await demandExecutable(program, inheritedEnvironment());
    await userOf(program);
  }
  return {
    kind: "described",
    tasks: tasks.map(describeTask),
    bundles,
    programs: programs.map(({ name }) => name),
    passEnv: [...new Set(programs.flatMap(({ program }) => program.passEnv))],
  };
}
