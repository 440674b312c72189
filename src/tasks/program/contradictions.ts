/**
 * What each field of a definition allows and all together do not: it cannot work, or says what is never heeded.
 *
 * CO1 Only what is certainly a mistake is refused; what may be meant is doubted (`doubts.ts`).
 */
import { isAbsolute } from "node:path";
import type { DefinitionFault } from "./definition-fault.ts";
import {
  asksForMore,
  executableOf,
  isAlwaysComplete,
  onlyGrows,
  type ProgramDefinition,
  tellsByExit,
} from "./definition.ts";
import type { InputFields } from "./input-fields.ts";
import { findsMoreThanANumber } from "./regular-expression.ts";
import { injections } from "./scripts.ts";

/** CO1 */
export function contradictions(definition: ProgramDefinition, fields: InputFields): DefinitionFault[] {
  return [
    ...ofCommands(definition),
    ...ofStdin(definition),
    ...ofBackground(definition),
    ...ofExitCodes(definition),
    ...ofPatterns(definition),
    ...ofCheckpoint(definition),
    ...ofGrowingFiles(definition),
    ...ofAnyMoment(definition),
    ...ofLimits(definition),
    ...injections(definition, fields),
  ];
}

/** Every pattern of names of files, by its field. */
export function patternsOf({ checkpoint, complete, outputs }: ProgramDefinition): DefinitionPattern[] {
  const found: DefinitionPattern[] = [];
  const add = (path: readonly (string | number)[], pattern: string | undefined): void => {
    if (pattern !== undefined) found.push({ path, pattern });
  };
  for (const field of ["files", "optional", "exclude", "replaced", "appended", "lines"] as const) {
    for (const [at, pattern] of (checkpoint?.[field] ?? []).entries()) add(["checkpoint", field, at], pattern);
  }
  add(["checkpoint", "written", "file"], checkpoint?.written.file);
  add(["checkpoint", "written", "lastLine", "in"], checkpoint?.written.lastLine?.in);
  for (const [at, pattern] of complete.files.entries()) add(["complete", "files", at], pattern);
  for (const [at, output] of outputs.entries()) {
    if (typeof output === "string") add(["outputs", at], output);
    else add(["outputs", at, "files"], output.files);
  }
  return found;
}

export interface DefinitionPattern {
  readonly path: readonly (string | number)[];
  readonly pattern: string;
}

function ofCommands({ start, resume, here, checkpoint }: ProgramDefinition): DefinitionFault[] {
  const faults: DefinitionFault[] = [];
  for (const [field, command] of Object.entries({ start, resume })) {
    const executable = command === undefined ? "" : executableOf(command);
    if (executable.includes("/") && !isAbsolute(executable) && !executable.startsWith("${")) {
      const hint = here === undefined ? "give an absolute path" : 'begin it with "./", "/" or "${folder}/"';
      faults.push({ path: [field, 0], detail: `"${executable}" is a relative path: ${hint}` });
    }
  }
  if (resume !== undefined && checkpoint === undefined) {
    faults.push({ path: ["resume"], detail: "is never used: without `checkpoint` there is nothing to resume from" });
  }
  return faults;
}

function ofStdin({ stdin, files, checkpoint }: ProgramDefinition): DefinitionFault[] {
  if (stdin === undefined) return [];
  const faults: DefinitionFault[] = (["trigger", "stop"] as const)
    .filter((name) => checkpoint?.[name]?.stdin !== undefined)
    .map((name) => ({
      path: ["checkpoint", name, "stdin"],
      detail: "cannot be used together with a file as stdin",
    }));
  const isLaidOut = Object.keys(files).some((name) => stdin === name || stdin.startsWith(`${name}/`));
  if (!isLaidOut) {
    const detail = `nothing lays out ${stdin}: the working folder is empty at first; say in \`files\` where it comes from`;
    faults.push({ path: ["stdin"], detail });
  }
  return faults;
}

function ofBackground({ background, complete, stdin, checkpoint }: ProgramDefinition): DefinitionFault[] {
  if (!background) return [];
  const faults: DefinitionFault[] = [];
  if (!asksForMore(complete)) {
    // What was started exits with 0 as soon as the rest runs by itself.
    faults.push({ path: ["background"], detail: "needs `complete`: no exit code tells that it has finished" });
  }
  if ([stdin, checkpoint?.trigger?.stdin, checkpoint?.stop?.stdin].some((way) => way !== undefined)) {
    faults.push({ path: ["background"], detail: "has no standard input: it cannot be used together with stdin" });
  }
  return faults;
}

function ofExitCodes({ exitCodes, complete }: ProgramDefinition): DefinitionFault[] {
  const { done, checkpointed, retry, fail } = exitCodes;
  const meant = [...retry, ...fail];
  const twice = meant.find((code, at) => meant.indexOf(code) !== at || done.includes(code) || checkpointed.includes(code)); // prettier-ignore
  if (twice !== undefined) return [{ path: ["exitCodes"], detail: `${twice} cannot mean two things` }];
  const both = checkpointed.find((code) => done.includes(code));
  if (both === undefined || asksForMore(complete)) return [];
  const detail = `${both} is in \`done\` too: say in \`complete\` what tells one that has finished from one that has not`;
  return [{ path: ["exitCodes", "checkpointed"], detail }];
}

function ofPatterns(definition: ProgramDefinition): DefinitionFault[] {
  return patternsOf(definition).flatMap(({ path, pattern }) => {
    const isOutside =
      /^(\/|~\/|\$HOME\b)/.test(pattern) || pattern.startsWith("${folder}") || pattern.split("/").includes("..");
    if (!isOutside) return [];
    const detail = `"${pattern}" matches nothing: patterns are relative to the working folder, and stay inside of it`;
    return [{ path, detail }];
  });
}

function ofCheckpoint({ checkpoint, progress }: ProgramDefinition): DefinitionFault[] {
  const faults: DefinitionFault[] = [];
  for (const name of ["trigger", "stop"] as const) {
    const file = checkpoint?.[name]?.file;
    if (file === undefined || checkpoint?.files.includes(file) !== true) continue;
    const detail = `${file} asks for the checkpoint, and so is never a part of it; \`checkpoint.files\` waits for it in vain`;
    faults.push({ path: ["checkpoint", name, "file"], detail });
  }
  const { settleMs, text, file, lastLine, always } = checkpoint?.written ?? {};
  const ways = { text, file, lastLine, always: always === true ? always : undefined };
  const [other] = Object.entries(ways).find(([, way]) => way !== undefined) ?? [];
  if (typeof settleMs === "number" && other !== undefined) {
    const detail = `is not heeded: \`${other}\` tells when the checkpoint is complete; leave one of them out`;
    faults.push({ path: ["checkpoint", "written", "settleMs"], detail });
  }
  if (progress !== undefined && findsMoreThanANumber(progress.text)) {
    const detail = "has no group, and what it finds is no number: put the number in parentheses, like step (\\d+)";
    faults.push({ path: ["progress", "text"], detail });
  }
  return faults;
}

/** What need not hold still tells nobody when it is complete. */
function ofGrowingFiles(definition: ProgramDefinition): DefinitionFault[] {
  const { checkpoint } = definition;
  if (checkpoint === undefined) return [];
  if (!onlyGrows(checkpoint) || isAlwaysComplete(definition)) return [];
  const { text, file, lastLine } = checkpoint.written;
  const bySign = [text, file, lastLine].some((sign) => sign !== undefined);
  if (bySign || tellsByExit(definition) || checkpoint.trigger?.then === "exits") return [];
  const detail =
    "names all of `files`, and what only grows never shows that it is complete: add to `files` one that is written with " +
    "each checkpoint, or say it in `checkpoint.written` (`text` or `file`); or leave out `trigger` and `closed`, and they " +
    "are taken at each interval as they are then";
  return [{ path: ["checkpoint", checkpoint.appended.length > 0 ? "appended" : "lines"], detail }];
}

/** What is a checkpoint at any moment is asked of nobody. */
function ofAnyMoment(definition: ProgramDefinition): DefinitionFault[] {
  const { checkpoint } = definition;
  if (checkpoint === undefined) return [];
  const faults: DefinitionFault[] = [];
  const { appended, lines, replaced, trigger, stop, written } = checkpoint;
  for (const [at, pattern] of lines.entries()) {
    const other = appended.includes(pattern) ? "appended" : replaced.includes(pattern) ? "replaced" : null;
    if (other === null) continue;
    const detail = `${pattern} is in \`${other}\` too: a file is written in one of these ways; leave it out of one of them`;
    faults.push({ path: ["checkpoint", "lines", at], detail });
  }
  if (written.always && trigger !== undefined) {
    const detail =
      "is not heeded: with `written.always` nobody is asked, its files are taken as they are; leave one of them out";
    faults.push({ path: ["checkpoint", "trigger"], detail });
  }
  if (isAlwaysComplete(definition) && stop?.then === "continues") {
    const detail =
      "must be exits: its files are a checkpoint at any moment, so nothing tells when it has done what `stop` asks for";
    faults.push({ path: ["checkpoint", "stop", "then"], detail });
  }
  if (!written.always && isAlwaysComplete(definition) && typeof written.settleMs === "number") {
    const detail = "is not heeded: what only grows is taken at each interval as it is then; leave it out";
    faults.push({ path: ["checkpoint", "written", "settleMs"], detail });
  }
  return faults;
}

/** Of nothing, nothing can be made. */
function ofLimits({ limits, files, checkpoint, complete }: ProgramDefinition): DefinitionFault[] {
  const given: (readonly [readonly (string | number)[], number | undefined])[] = [
    ...Object.entries(limits).map(([name, value]) => [["limits", name], value] as const),
    ...Object.entries(files).flatMap(([name, { maxBytes, timeoutMs }]) => [
      [["files", name, "maxBytes"], maxBytes] as const,
      [["files", name, "timeoutMs"], timeoutMs] as const,
    ]),
    [["checkpoint", "trigger", "timeoutMs"], checkpoint?.trigger?.timeoutMs],
    [["checkpoint", "stop", "timeoutMs"], checkpoint?.stop?.timeoutMs],
    [["complete", "timeoutMs"], complete.timeoutMs],
  ];
  return given
    .filter(([, value]) => value === 0)
    .map(([path]) => ({ path, detail: "is 0, which nothing keeps to: give more, or leave it out" }));
}
