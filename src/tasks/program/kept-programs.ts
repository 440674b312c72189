/** Programs of a file as the worker keeps them (`programs-file.ts`): plain JSON, so that no reader of YAML is loaded. */
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { checkProgram, type ProgramTask } from "./define-program.ts";
import { schemaFault } from "./input-schema.ts";

/** The tasks of a file that `keepPrograms` wrote. */
export async function loadPrograms(kept: string): Promise<{ readonly origin: string; readonly tasks: ProgramTask[] }> {
  const { file, programs } = JSON.parse(await readFile(kept, "utf8")) as { file: string; programs: unknown[] };
  const tasks = programs.map((program) => {
    const checked = checkEntry(program, file);
    if (checked.kind === "refused") throw new Error(`${file}: ${checked.faults[0]?.detail ?? "not usable"}`);
    return checked.task;
  });
  return { origin: file, tasks };
}

/** Checks one entry of `programs:` in the file at `path`. */
export function checkEntry(entry: unknown, path: string): ReturnType<typeof checkProgram> {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    return { kind: "refused", faults: [{ path: [], detail: "must be a program: name, input, start, …" }] };
  }
  const { input, ...rest } = entry as Readonly<Record<string, unknown>>;
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return { kind: "refused", faults: [{ path: ["input"], detail: "must be the JSON Schema of the job's input" }] };
  }
  const jsonSchema = input as Readonly<Record<string, unknown>>;
  const fault = schemaFault(jsonSchema);
  if (fault !== null) {
    return { kind: "refused", faults: [{ path: ["input"], detail: `is not a usable JSON Schema: ${fault}` }] };
  }
  return checkProgram({ here: dirname(path), ...rest }, { jsonSchema });
}
