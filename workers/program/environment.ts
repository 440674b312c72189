/** What a program sees of the world: variables, priority, processors. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { ProgramDefinition } from "../../src/tasks/program/definition.ts";
import { expand, type Scope } from "../../src/tasks/program/expand.ts";
import { findExecutable, interpreterFault } from "../../src/tasks/program/find-executable.ts";
import type { ProgramUser } from "../../src/tasks/program/program-user.ts";

/** Without these hardly anything runs. `CAIRN_RUN` is the mark by which what it starts is found. */
const PASSED_ON = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "CAIRN_RUN"] as const;

type Environment = Readonly<Partial<Record<string, string>>>;

export interface EnvironmentParts {
  /** Of this process. */
  readonly own: Environment;
  /** The attempt's folder for temporary files. */
  readonly temporary: string;
  /** Null: as this process. */
  readonly user: ProgramUser | null;
}

/** The whole environment of the program. @throws NotExpandable */
export function environmentOf(
  definition: ProgramDefinition,
  scope: Scope,
  { own, temporary, user }: EnvironmentParts,
): Record<string, string> {
  const passed = [...PASSED_ON, ...definition.passEnv].flatMap((name) => {
    const value = own[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const set = Object.entries(definition.env).map(
    ([name, value]) => [name, expand(String(value), scope, `env.${name}`)] as const,
  );
  const theirs = user === null ? [] : Object.entries({ HOME: user.home, USER: user.name, LOGNAME: user.name });
  return Object.fromEntries([...passed, ...theirs, ["TMPDIR", temporary], ...set]);
}

/** The executable is not on this machine. */
export class NoExecutable extends Error {
  override readonly name = "NoExecutable";
}

/**
 * The command line as it is started: at the lowest priority, and on no more processors than allowed where no control
 * group sees to that.
 * @throws NoExecutable
 */
export async function launched(
  command: readonly string[],
  environment: Environment,
  limits: { readonly cpus: number | undefined; readonly cgroup: string | null },
): Promise<readonly string[]> {
  const [executable = "", ...args] = command;
  const found = await findExecutable(executable, environment);
  if (found === null) throw new NoExecutable(`${executable} is not on this machine, or may not be executed`);
  const fault = await interpreterFault(found, environment);
  if (fault !== null) throw new NoExecutable(`${executable} cannot be run: ${fault}`);
  return ["nice", "-n", "19", ...(await pinned(limits.cpus, limits.cgroup, environment)), executable, ...args];
}

async function pinned(
  cpus: number | undefined,
  cgroup: string | null,
  environment: Environment,
): Promise<readonly string[]> {
  if (cpus === undefined || cpus >= availableParallelism()) return [];
  if (cgroup !== null && readText(join(cgroup, "cpu.max")) !== "") return [];
  if ((await findExecutable("taskset", environment)) === null) return [];
  const allowed = allowedProcessors();
  const first = Math.floor(Math.random() * allowed.length);
  const chosen = Array.from({ length: cpus }, (_, n) => allowed[(first + n) % allowed.length]);
  return ["taskset", "-c", chosen.join(",")];
}

function allowedProcessors(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(readText("/proc/self/status"))?.[1] ?? "0";
  return list.split(",").flatMap((part) => {
    const [from = 0, to = from] = part.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, n) => from + n);
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
