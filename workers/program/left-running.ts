/** A program that puts itself into the background looks like one that has done its work at once: that is said. */
import type { ProgramDefinition } from "../../src/tasks/program/definition.ts";
import type { Exit } from "./process-run.ts";
import type { ProcessTree } from "./process-tree.ts";

/** Called when the process that was started has exited. @returns what is to be said; null: nothing */
export function remarkOnWhatRunsOn(exit: Exit, definition: ProgramDefinition, tree: ProcessTree): string | null {
  const left = definition.background || exit.code !== 0 ? 0 : tree.look().length;
  if (left === 0) return null;
  return (
    `${left} of the processes that the program had started still ran when it had exited with 0, and are ended: ` +
    "if they are the program, say `background: true`"
  );
}
