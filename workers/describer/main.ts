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
import type { ProgramTask } from "../../src/tasks/program/define-program.ts";
import type { DefinitionFault } from "../../src/tasks/program/definition-fault.ts";
import { doubtsAbout } from "../../src/tasks/program/doubts.ts";
import { InputFields } from "../../src/tasks/program/input-fields.ts";
import { absentInputs, lacking } from "../../src/tasks/program/on-this-machine.ts";
import { keepPrograms, placedFault } from "../../src/tasks/program/programs-file.ts";
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
      /** What is probably a mistake in their definitions, each with its place. */
      readonly doubts: readonly string[];
    }
  | { readonly kind: "failed"; readonly message: string };

process.once("message", (order: DescribeOrder) => {
  // Whoever asked may be gone meanwhile.
  const answer = (what: DescribeAnswer): void => {
    if (process.connected) process.send?.(what, () => process.connected && process.disconnect());
  };
  describe(order).then(answer, (error: unknown) =>
    answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
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
  const placed = async (of: (task: ProgramTask) => Promise<readonly DefinitionFault[]>): Promise<string[]> => {
    const all: string[] = [];
    for (const task of programs) {
      for (const fault of await of(task)) all.push(await placedFault(order.programs, task.name, fault));
    }
    return all;
  };
  const missing = await placed((task) => lacking(task, inheritedEnvironment()));
  if (missing.length > 0) throw new Error(missing.join("\n"));
  const doubts = await placed(async (task) => [
    ...doubtsAbout(task.program, new InputFields(task.input)),
    ...(await absentInputs(task)),
  ]);
  return {
    kind: "described",
    tasks: tasks.map(describeTask),
    bundles,
    programs: programs.map(({ name }) => name),
    passEnv: [...new Set(programs.flatMap(({ program }) => program.passEnv))],
    doubts,
  };
}
