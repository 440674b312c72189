/**
 * `defineProgram`: any executable as a batch task.
 *
 * DP1 `defineProgram` and a programs file (`programs-file.ts`) come to the same thing, checked by the same code.
 */
import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { NEVER_ASKED_MS } from "../../domain/checkpoint-interval.ts";
import { type Backoff, type CheckpointPolicy, TASK_BRAND } from "../task-brand.ts";
import { type CommandLine, executableOf, type ProgramDefinition, programSchema } from "./definition.ts";
import { namesIn, WORDS } from "./expand.ts";
import { isJsonSchemaInput, type ProgramInput } from "./program-input.ts";

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

export interface DefinitionFault {
  readonly path: readonly (string | number)[];
  readonly detail: string;
}

export type CheckedProgram =
  | { readonly kind: "ok"; readonly task: ProgramTask }
  | { readonly kind: "refused"; readonly faults: readonly DefinitionFault[] };

/** Checks a definition, in either form (DP1). */
export function checkProgram(value: unknown, input: ProgramInput): CheckedProgram {
  const parsed = programSchema.safeParse(value);
  if (!parsed.success) return { kind: "refused", faults: parsed.error.issues.map(faultOf) };
  const definition = withPlaces(parsed.data);
  const faults = [...nameFaults(definition, input), ...contradictions(definition)];
  return faults.length > 0 ? { kind: "refused", faults } : { kind: "ok", task: taskOf(definition, input) };
}

/** `start[2]: `; nothing for the whole. */
export function pathText(path: readonly (string | number)[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  return text === "" ? "" : `${text.replace(/^\./, "")}: `;
}

function taskOf(definition: ProgramDefinition, input: ProgramInput): ProgramTask {
  const { name, description, effects, maxRetries, backoff, checkpoint } = definition;
  const never = NEVER_ASKED_MS;
  const asked = checkpoint?.trigger !== undefined;
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
function nameFaults(definition: ProgramDefinition, input: ProgramInput): DefinitionFault[] {
  const fields = fieldsOf(input);
  const faults: DefinitionFault[] = [];
  const look = (value: unknown, path: readonly (string | number)[]): void => {
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value))
        look(inner, [...path, Array.isArray(value) ? Number(key) : key]);
    } else if (typeof value === "string") {
      for (const name of namesIn(value)) {
        const detail = nameFault(name, fields, definition.here);
        if (detail !== null) faults.push({ path, detail });
      }
    }
  };
  look(definition, []);
  return faults;
}

function nameFault(name: string, fields: ReadonlySet<string> | null, here: string | undefined): string | null {
  if (name.startsWith("newest:") && name.length > 7) return null;
  const [first = "", second] = name.split(".");
  if (first === "input") {
    if (second === undefined || fields === null || fields.has(second)) return null;
    return `\${${name}}: the input's schema has no field ${second}`;
  }
  if (first === "here" && here === undefined) return "${here}: say `here`, for instance import.meta.dirname";
  if (second === undefined && Object.hasOwn(WORDS, first)) return null;
  const known = [...Object.keys(WORDS), "input", "newest:<pattern>"].join(", ");
  return `\${${name}}: there is no such name; known are ${known}`;
}

/** The fields that the input may have; null when it may have any. */
function fieldsOf(input: ProgramInput): ReadonlySet<string> | null {
  const schema = isJsonSchemaInput(input)
    ? input.jsonSchema
    : (z.toJSONSchema(input, { io: "input", unrepresentable: "any" }) as Readonly<Record<string, unknown>>);
  const { properties, additionalProperties } = schema;
  if (typeof properties !== "object" || properties === null || additionalProperties !== false) return null;
  return new Set(Object.keys(properties));
}

/** What each field allows and all together do not. */
function contradictions(definition: ProgramDefinition): DefinitionFault[] {
  const { start, resume, here, stdin, checkpoint, exitCodes, background, complete } = definition;
  const faults: DefinitionFault[] = [];
  for (const [field, command] of Object.entries({ start, resume })) {
    const executable = command === undefined ? "" : executableOf(command);
    if (executable.includes("/") && !isAbsolute(executable) && !executable.startsWith("${")) {
      const hint = here === undefined ? "give an absolute path" : 'begin it with "./", "/" or "${folder}/"';
      faults.push({ path: [field, 0], detail: `"${executable}" is a relative path: ${hint}` });
    }
  }
  for (const name of ["trigger", "stop"] as const) {
    if (checkpoint?.[name]?.stdin !== undefined && stdin !== undefined) {
      faults.push({ path: ["checkpoint", name, "stdin"], detail: "cannot be used together with a file as stdin" });
    }
  }
  const says = complete.files.length + complete.text.length > 0 || complete.command !== undefined;
  if (background && !says) {
    // What was started exits with 0 as soon as the rest runs by itself.
    faults.push({ path: ["background"], detail: "needs `complete`: no exit code tells that it has finished" });
  }
  if (background && [stdin, checkpoint?.trigger?.stdin, checkpoint?.stop?.stdin].some((way) => way !== undefined)) {
    faults.push({ path: ["background"], detail: "has no standard input: it cannot be used together with stdin" });
  }
  const meant = [...exitCodes.retry, ...exitCodes.fail];
  const twice = meant.find((code, at) => meant.indexOf(code) !== at || exitCodes.done.includes(code) || exitCodes.checkpointed.includes(code)); // prettier-ignore
  if (twice !== undefined) faults.push({ path: ["exitCodes"], detail: `${twice} cannot mean two things` });
  return faults;
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
