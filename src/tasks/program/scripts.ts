/**
 * Command lines that hold a script: `sh -c …`.
 *
 * SC1 Text of a caller inside a script is a command of the caller's: it belongs behind the script, as an argument.
 */
import type { DefinitionFault } from "./definition-fault.ts";
import type { CommandLine, ProgramDefinition } from "./definition.ts";
import { namesIn } from "./expand.ts";
import type { InputFields } from "./input-fields.ts";

type Path = readonly (string | number)[];

/** Who takes a script as an argument, and behind which option. */
const INTERPRETERS: readonly (readonly [RegExp, RegExp])[] = [
  [/^(ba|da|k|z|a)?sh$/, /^-[a-z]*c$/],
  [/^python[\d.]*$/, /^-[A-Za-z]*c$/],
  [/^(perl|ruby)[\d.]*$/, /^-[a-z]*e$/],
  [/^node$/, /^(-e|-p|--eval)$/],
];

/** Every command line of a definition, by its field. */
export function commandsOf({
  start,
  resume,
  checkpoint,
  complete,
}: ProgramDefinition): (readonly [Path, CommandLine])[] {
  const found: (readonly [Path, CommandLine | undefined])[] = [
    [["start"], start],
    [["resume"], resume],
    [["checkpoint", "trigger", "command"], checkpoint?.trigger?.command],
    [["checkpoint", "stop", "command"], checkpoint?.stop?.command],
    [["complete", "command"], complete.command],
  ];
  return found.flatMap(([path, command]) => (command === undefined ? [] : [[path, command] as const]));
}

/** What a command line gives to an interpreter as a script, and where it stands. */
function scriptsIn(command: CommandLine): readonly { readonly at: number; readonly script: string }[] {
  return command.flatMap((script, at) => {
    const [interpreter, flag] = [command[at - 2], command[at - 1]];
    if (typeof interpreter !== "string" || typeof flag !== "string" || typeof script !== "string") return [];
    const name = interpreter.replace(/^.*\//, "");
    return INTERPRETERS.some(([who, option]) => who.test(name) && option.test(flag)) ? [{ at, script }] : [];
  });
}

/** SC1 */
export function injections(definition: ProgramDefinition, fields: InputFields): DefinitionFault[] {
  return commandsOf(definition).flatMap(([path, command]) =>
    scriptsIn(command).flatMap(({ at, script }) => {
      if (isWholeScript(script)) return [];
      const free = namesIn(script).find((name) => isOfInput(name) && fields.isFreeText(name));
      if (free === undefined) return [];
      const detail =
        `\${${free}} stands inside of a script, where whatever a caller sends is run as a command: write "$1" there, ` +
        `and give sh and "\${${free}}" as the next two arguments; or narrow the field down (enum, pattern) in \`input\``;
      return [{ path: [...path, at], detail }];
    }),
  );
}

/** A script that is the caller's as a whole may be meant so. */
export function callersScripts(definition: ProgramDefinition, fields: InputFields): DefinitionFault[] {
  return commandsOf(definition).flatMap(([path, command]) =>
    scriptsIn(command)
      .filter(({ script }) => isWholeScript(script) && fields.isFreeText(namesIn(script)[0] ?? ""))
      .map(({ at }) => ({ path: [...path, at], detail: "a caller can run any command on the worker's machine by it" })),
  );
}

function isWholeScript(script: string): boolean {
  return /^\$\{\s*input\.[^}]*\}$/.test(script);
}

function isOfInput(name: string): boolean {
  return name.startsWith("input.");
}
