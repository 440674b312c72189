/** Finds the executable of a program on this machine. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { executableOf } from "./definition.ts";
import type { ProgramTask } from "./define-program.ts";

type Environment = Readonly<Partial<Record<string, string>>>;

/** The path of an executable, by the PATH of `environment`; null: there is none. */
export async function findExecutable(name: string, environment: Environment): Promise<string | null> {
  const places = name.includes("/") ? [""] : (environment["PATH"] ?? "").split(delimiter).filter(isAbsolute);
  for (const place of places) {
    const path = place === "" ? name : join(place, name);
    if (await mayExecute(path)) return path;
  }
  return null;
}

/**
 * Is what the definition names on this machine? What comes with the job is not looked for.
 * @throws Error naming program, field and executable
 */
export async function demandExecutable({ name, program }: ProgramTask, environment: Environment): Promise<void> {
  const path = program.env["PATH"] === undefined ? environment : { PATH: String(program.env["PATH"]) };
  for (const [field, command] of Object.entries({ start: program.start, resume: program.resume })) {
    // `${here}` is known already: the folder of the definition. The rest is each job's own.
    const named = command === undefined ? "" : executableOf(command);
    const executable = program.here === undefined ? named : named.replaceAll("${here}", program.here);
    if (executable === "" || executable.includes("${")) continue;
    if ((await findExecutable(executable, path)) !== null) continue;
    const where = executable.includes("/") ? "there, or it may not be executed" : `in PATH (${path["PATH"] ?? ""})`;
    throw new Error(`program "${name}": ${field}[0]: ${executable} is not ${where}; install it, or correct the name`);
  }
}

async function mayExecute(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
