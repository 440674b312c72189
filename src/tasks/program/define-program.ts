/**
 * `defineProgram`: any executable as a batch task.
 *
 * DP1 `defineProgram` and a programs file (`programs-file.ts`) come to the same thing, checked by the same code.
 */
import { resolve } from "node:path";
import type { z } from "zod";
import { NEVER_ASKED_MS } from "../../domain/checkpoint-interval.ts";
import { type Backoff, type CheckpointPolicy, TASK_BRAND } from "../task-brand.ts";
import { contradictions } from "./contradictions.ts";
import { type DefinitionFault, pathText } from "./definition-fault.ts";
import { type CommandLine, isAlwaysComplete, type ProgramDefinition, programSchema } from "./definition.ts";
import { isByStart, isNewest, isRemaining, namesIn, patternFault, WORDS } from "./expand.ts";
import { InputFields } from "./input-fields.ts";
import type { ProgramInput } from "./program-input.ts";
import { inOurWords } from "./schema-words.ts";

/** A program as a batch task. */
export interface ProgramTask {
  readonly [TASK_BRAND]: "batch";
  readonly class: "batch";
  readonly name: string;
  readonly description: string;
  readonly input: ProgramInput;
  readonly output: null;
  readonly checkpoint: CheckpointPolicy;
  readonly effects: "none" | "outside";
  readonly maxRetries: number;
  readonly backoff: Backoff;
  readonly program: ProgramDefinition;
}

/** What `defineProgram` takes; times and sizes may be text like `30s` and `2GiB`. */
export type ProgramOptions = z.input<typeof programSchema> & { readonly input: z.ZodType };

/**
 * Defines a batch task that is a program: an executable with its contract for checkpoints. All fields: README.
 *
 * @throws {TypeError} naming the field, when the definition cannot work
 */
export function defineProgram(options: ProgramOptions): ProgramTask {
  const { input, ...rest } = options;
  const checked = checkProgram(rest, input);
  if (checked.kind === "ok") return checked.task;
  const [first] = checked.faults;
  throw new TypeError(`program "${options.name}": ${pathText(first?.path ?? [])}${first?.detail ?? "is not usable"}`);
}

export type CheckedProgram =
  | { readonly kind: "ok"; readonly task: ProgramTask }
  | { readonly kind: "refused"; readonly faults: readonly DefinitionFault[] };

/** Checks a definition, in either form (DP1). */
export function checkProgram(value: unknown, input: ProgramInput): CheckedProgram {
  const parsed = programSchema.safeParse(value, { error: inOurWords });
  if (!parsed.success) return { kind: "refused", faults: parsed.error.issues.map(faultOf) };
  const definition = withPlaces(parsed.data);
  const fields = new InputFields(input);
  const faults = [...nameFaults(definition, fields), ...contradictions(definition, fields)];
  return faults.length > 0 ? { kind: "refused", faults } : { kind: "ok", task: taskOf(definition, input) };
}

function taskOf(definition: ProgramDefinition, input: ProgramInput): ProgramTask {
  const { name, description, effects, maxRetries, backoff, checkpoint } = definition;
  const never = NEVER_ASKED_MS;
  const asked = checkpoint !== undefined && (checkpoint.trigger !== undefined || isAlwaysComplete(definition));
  return {
    [TASK_BRAND]: "batch",
    class: "batch",
    name,
    description,
    input,
    output: null,
    checkpoint: {
      version: checkpoint?.version ?? 1,
      intervalMs: asked ? checkpoint.intervalMs : never,
      minMs: asked ? checkpoint.minMs : never,
      maxMs: asked ? checkpoint.maxMs : never,
      keep: checkpoint?.keep ?? 2,
      finalState: "dropped",
    },
    effects,
    maxRetries,
    backoff,
    program: definition,
  };
}

/** An executable that is named by a relative path lies where the definition does. */
function withPlaces(definition: ProgramDefinition): ProgramDefinition {
  const { here, start, resume } = definition;
  const place = (command: CommandLine): CommandLine => {
    const [executable, ...rest] = command;
    if (here === undefined || typeof executable !== "string" || !/^\.{1,2}\//.test(executable)) return command;
    return [resolve(here, executable), ...rest];
  };
  return { ...definition, start: place(start), ...(resume === undefined ? {} : { resume: place(resume) }) };
}

/** Every `${…}` names something that there is. */
function nameFaults(definition: ProgramDefinition, fields: InputFields): DefinitionFault[] {
  const faults: DefinitionFault[] = [];
  const look = (value: unknown, path: readonly (string | number)[]): void => {
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value))
        look(inner, [...path, Array.isArray(value) ? Number(key) : key]);
    } else if (typeof value === "string") {
      for (const name of namesIn(value)) {
        const detail = nameFault(name, fields, {
          here: definition.here,
          hasTotal: definition.progress?.total !== undefined,
          path,
        });
        if (detail !== null) faults.push({ path, detail });
      }
    }
  };
  look(definition, []);
  return faults;
}

/** Where it is known whether the program starts or resumes. */
const OF_STARTS = new Set<string | number | undefined>(["start", "resume", "files", "env"]);

interface Place {
  readonly here: string | undefined;
  readonly hasTotal: boolean;
  readonly path: readonly (string | number)[];
}

function nameFault(name: string, fields: InputFields, { here, hasTotal, path }: Place): string | null {
  const wrong = patternFault(name);
  if (wrong !== null) return `\${${name}}: ${wrong}`;
  if (isNewest(name)) return null;
  if (isRemaining(name)) {
    if (!OF_STARTS.has(path[0])) return `\${${name}}: remaining:… stands in start, resume, files and env alone`;
    return hasTotal ? null : `\${${name}}: of how many? Say it in \`progress.total\``;
  }
  if (isByStart(name)) {
    const stands = OF_STARTS.has(path[0]) && !name.includes("${");
    return stands ? null : `\${${name}}: start:…|resume:… stands for plain text, in start, resume, files and env alone`;
  }
  const [first = "", second] = name.split(".");
  if (first === "input") {
    if (second === undefined || fields.has(second)) return null;
    return `\${${name}}: the input's schema has no field ${second}`;
  }
  if (first === "here" && here === undefined) return "${here}: say `here`, for instance import.meta.dirname";
  if (second === undefined && Object.hasOwn(WORDS, first)) return null;
  const known = [
    ...Object.keys(WORDS),
    "input",
    "newest:<pattern>",
    "remaining:<pattern>",
    "start:<text>|resume:<text>",
  ].join(", ");
  return `\${${name}}: there is no such name; known are ${known}`;
}

function faultOf(issue: z.core.$ZodIssue): DefinitionFault {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  if (issue.code === "unrecognized_keys")
    return { path: [...path, issue.keys[0] ?? ""], detail: "is not a known field" };
  if (issue.code === "invalid_key") return { path, detail: issue.issues[0]?.message ?? issue.message };
  if (issue.code === "invalid_union") {
    // The form that was meant is the one that fits at its root, and goes wrong inside.
    const inner = issue.errors.flat().find((fault) => fault.path.length > 0 || fault.code === "unrecognized_keys");
    if (inner !== undefined) {
      const { path: rest, detail } = faultOf(inner);
      return { path: [...path, ...rest], detail };
    }
  }
  return { path, detail: issue.message };
}
