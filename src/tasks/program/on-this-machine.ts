/**
 * Is what a definition names on this machine? What comes with each job is not looked for.
 *
 * OM1 All that is missing is told at once: installing things one error at a time takes an afternoon.
 */
import { stat } from "node:fs/promises";
import { delimiter, resolve } from "node:path";
import type { ProgramTask } from "./define-program.ts";
import type { DefinitionFault } from "./definition-fault.ts";
import { executableOf } from "./definition.ts";
import { findExecutable, interpreterFault } from "./find-executable.ts";
import { userOf } from "./program-user.ts";

type Environment = Readonly<Partial<Record<string, string>>>;

/** What the program cannot start without: its executables, what scripts are run by, its user (OM1). */
export async function lacking(task: ProgramTask, environment: Environment): Promise<DefinitionFault[]> {
  const { program } = task;
  const path = program.env["PATH"] === undefined ? environment : { PATH: String(program.env["PATH"]) };
  const faults: DefinitionFault[] = [];
  for (const [field, command] of Object.entries({ start: program.start, resume: program.resume })) {
    const executable = command === undefined ? "" : withHere(executableOf(command), program.here);
    if (executable === "" || executable.includes("${")) continue;
    const found = await findExecutable(executable, path);
    if (found === null) {
      const where = executable.includes("/") ? "there, or it may not be executed" : `in PATH (${pathToTell(path)})`;
      faults.push({ path: [field, 0], detail: `${executable} is not ${where}; install it, or correct the name` });
      continue;
    }
    const fault = await interpreterFault(found, path);
    if (fault !== null) faults.push({ path: [field, 0], detail: `${executable} cannot be run: ${fault}` });
  }
  await userOf(task).catch((error: unknown) => {
    faults.push({ path: ["user"], detail: error instanceof Error ? error.message : String(error) });
  });
  return faults;
}

/** Files and folders that jobs are to be given, and that are not there: they may yet come. */
export async function absentInputs({ program }: ProgramTask): Promise<DefinitionFault[]> {
  const faults: DefinitionFault[] = [];
  for (const [name, { path }] of Object.entries(program.files)) {
    if (path === undefined) continue;
    const from = resolve(program.here ?? "/", withHere(path, program.here));
    if (from.includes("${")) continue;
    const isThere = await stat(from).then(
      () => true,
      () => false,
    );
    if (!isThere) {
      const detail = `there is no ${from} on this machine now; jobs that run here will fail until there is`;
      faults.push({ path: ["files", name, "path"], detail });
    }
  }
  return faults;
}

/** `${here}` is known already: the folder of the definition. */
function withHere(text: string, here: string | undefined): string {
  return here === undefined ? text : text.replaceAll("${here}", here);
}

/** Without what npx and npm put in front: that is nobody's own doing. */
function pathToTell({ PATH: path = "" }: Environment): string {
  const places = path.split(delimiter).filter((place) => !/\/node_modules\/|\/node-gyp-bin$/.test(`${place}/`));
  return [...new Set(places)].join(delimiter);
}
