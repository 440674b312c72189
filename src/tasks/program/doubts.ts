/**
 * What in a definition is probably a mistake, and may yet be meant: it is said, and works as it stands.
 */
import { basename } from "node:path";
import { patternsOf } from "./contradictions.ts";
import type { DefinitionFault } from "./definition-fault.ts";
import { executableOf, type ProgramDefinition } from "./definition.ts";
import type { InputFields } from "./input-fields.ts";
import { callersScripts, commandsOf } from "./scripts.ts";

/**
 * Who handles which signals from its first moment on, and ends or passes them on until the program inside has a handler
 * of its own: that the signal is handled does not tell that it may be sent.
 */
const HANDLED_BY_WHO_RUNS_IT: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^python[\d.]*$/, ["SIGINT"]],
  [/^(java|julia)$/, ["SIGINT", "SIGTERM", "SIGHUP"]],
  [/^(R|Rscript)$/, ["SIGINT", "SIGUSR1", "SIGUSR2"]],
  [/^(mpirun|mpiexec|orterun|srun)$/, ["SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGTSTP"]],
];

/** What only a shell understands. `;` alone is not here: `find … -exec … ;` has it. */
const OF_A_SHELL = new Set([">", ">>", "<", "<<", "|", "&&", "||", "&", "2>", "2>>", "2>&1", "&>"]);
const MAGIC = /[*?[\]{}()!+@]|\$\{/;

export function doubtsAbout(definition: ProgramDefinition, fields: InputFields): DefinitionFault[] {
  return [
    ...shellWords(definition),
    ...callersScripts(definition, fields),
    ...openBrackets(definition),
    ...uncovered(definition),
    ...askedTooEarly(definition),
  ];
}

function shellWords(definition: ProgramDefinition): DefinitionFault[] {
  return commandsOf(definition).flatMap(([path, command]) => {
    const at = command.findIndex((argument) => typeof argument === "string" && OF_A_SHELL.has(argument));
    if (at < 0) return [];
    const hint = path[0] === "start" || path[0] === "resume" ? "; `stdout` and `stdin` name files" : "";
    const [word = ""] = command.slice(at).filter((argument) => typeof argument === "string");
    const detail = `"${word}" is given to the program as an argument, for there is no shell${hint}`;
    return [{ path: [...path, at], detail }];
  });
}

function openBrackets(definition: ProgramDefinition): DefinitionFault[] {
  return patternsOf(definition).flatMap(({ path, pattern }) => {
    const open = openBracket(pattern.replaceAll(/\\.|\$\{[^}]*\}/g, ""));
    if (open === null) return [];
    return [{ path, detail: `in "${pattern}" a ${open} is never closed: it stands for itself, as part of a name` }];
  });
}

/** The first bracket that is never closed; null: there is none. */
function openBracket(pattern: string): string | null {
  const withoutClasses = pattern.replaceAll(/\[[^\]]+\]/g, "");
  const pairs = [
    ["[", "]"],
    ["{", "}"],
    ["(", ")"],
  ] as const;
  for (const [open, close] of pairs) {
    let depth = 0;
    for (const character of withoutClasses) {
      if (character === open) depth += 1;
      else if (character === close && depth > 0) depth -= 1;
    }
    if (depth > 0) return open;
  }
  return null;
}

/** A checkpoint does not wait for what is only said to be replaced. Patterns are not compared with patterns. */
function uncovered({ checkpoint }: ProgramDefinition): DefinitionFault[] {
  if (checkpoint === undefined) return [];
  const { files, optional, replaced } = checkpoint;
  const all = [...files, ...optional];
  if (all.some((pattern) => MAGIC.test(pattern))) return [];
  return replaced.flatMap((pattern, at) => {
    if (MAGIC.test(pattern) || all.includes(pattern)) return [];
    const detail = `${pattern} is in neither \`files\` nor \`optional\`: it goes along when it is there, and no checkpoint waits for it`;
    return [{ path: ["checkpoint", "replaced", at], detail }];
  });
}

/** AK1 of a program that is run by another one. */
function askedTooEarly({ start, checkpoint }: ProgramDefinition): DefinitionFault[] {
  if (checkpoint?.ready !== undefined) return [];
  const runner = basename(executableOf(start));
  const handled = HANDLED_BY_WHO_RUNS_IT.flatMap(([name, signals]) => (name.test(runner) ? signals : []));
  return (["trigger", "stop"] as const).flatMap((way) => {
    const signal = checkpoint?.[way]?.signal;
    if (signal === undefined || !handled.includes(signal)) return [];
    const detail =
      `${runner} handles ${signal} from its first moment on, before your program does: asked so early it would end; ` +
      "say in `checkpoint.ready` from when on it can be asked (a line of its output, or a file)";
    return [{ path: ["checkpoint", way, "signal"], detail }];
  });
}
