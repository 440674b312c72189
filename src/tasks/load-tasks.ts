/**
 * Loads the tasks of a process: the built-in ones, and those that a user's modules export.
 *
 * Modules come here bundled (`bundle.ts`), so this is a plain import, the same in replicas and runners.
 *
 * L1 Two tasks of one name are an error: which of them runs would depend on the order of loading.
 * L2 A module that exports no task is an error: it is a mistyped path or a forgotten `export`.
 */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { isTask, type Task } from "./define.ts";

export interface TaskSources {
  readonly builtins: "on" | "off";
  /** Paths of modules, bundled already, and of programs that were kept (`program/kept-programs.ts`; `.json`). */
  readonly modules: readonly string[];
}

/** The export by which a bundle names the module that it was made of. */
export const BUNDLE_ORIGIN = "$cairnModule";

const BUILT_IN = "the built-in tasks";

/**
 * @returns the tasks by name
 * @throws Error naming the module, when one cannot be loaded, exports no task (L2), or repeats a name (L1)
 */
export async function loadTasks(sources: TaskSources): Promise<Map<string, Task>> {
  const tasks = new Map<string, Task>();
  const origins = new Map<string, string>();
  const add = (task: Task, origin: string): void => {
    const other = origins.get(task.name);
    if (tasks.get(task.name) === task) return; // One task under two export names.
    if (other !== undefined) {
      const where = other === origin ? `twice by ${origin}` : `by ${other} and by ${origin}`;
      throw new Error(`task "${task.name}" is defined ${where}; rename one of them`); // L1
    }
    tasks.set(task.name, task);
    origins.set(task.name, origin);
  };

  if (sources.builtins === "on") {
    // Only when wanted: a process that serves a user's tasks alone does not pay for loading these.
    const { builtinTasks } = await import("../../workers/tasks/index.ts");
    for (const task of builtinTasks) add(task, BUILT_IN);
  }
  for (const path of sources.modules) {
    const { origin, tasks: found } = await importTasks(path);
    // L2
    if (found.length === 0)
      throw new Error(`${origin} exports no task: export what defineOnline, defineBatch or defineProgram returns`);
    for (const task of found) add(task, origin);
  }
  return tasks;
}

interface Loaded {
  /** The user's own file, as far as it is known: the path of a bundle tells nobody anything. */
  readonly origin: string;
  readonly tasks: readonly Task[];
}

async function importTasks(path: string): Promise<Loaded> {
  if (path.endsWith(".json")) {
    const { loadPrograms } = await import("./program/kept-programs.ts"); // Only when wanted: it validates JSON Schema.
    return loadPrograms(path);
  }
  // Stack traces of user code then show the user's lines, not those of the bundle.
  process.setSourceMapsEnabled(true);
  let module: unknown;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new Error(`${originIn(path) ?? path} could not be loaded: ${reasonAndPlace(error)}`, { cause: error });
  }
  const exported = Object.entries(module as Readonly<Record<string, unknown>>);
  const origin = exported.find(([name]) => name === BUNDLE_ORIGIN)?.[1];
  return {
    origin: typeof origin === "string" ? origin : path,
    tasks: exported.map(([, value]) => value).filter((value) => isTask(value)),
  };
}

/** As the bundle at `path` says it, which could not be imported; null when it cannot be read off. */
function originIn(path: string): string | null {
  try {
    const text = readFileSync(path, "utf8");
    const said = new RegExp(`^export const ${BUNDLE_ORIGIN.replace("$", "\\$")} = (".*");$`, "m").exec(text)?.[1];
    return said === undefined ? null : (JSON.parse(said) as string);
  } catch {
    return null;
  }
}

function reasonAndPlace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split("\n").find((line) => /^\s+at /.test(line));
  return place === undefined ? error.message : `${error.message} (${place.trim()})`;
}
