/**
 * Puts values into templates: `${input.steps}`, `${job}`, `${newest:ckpt-*.dat}`, `${start:0|resume:1}`.
 *
 * EX1 An argument that is nothing but one `${input.…}` is left out when that is absent, and becomes several when it is
 *     a list; one that is nothing but `${start:…|resume:…}` or `${newest:…|}` is left out when that comes to nothing.
 *     Inside of other text something has to be there.
 * EX2 Text of the input does not begin an argument with `-`, unless the definition says so: it would be read as an
 *     option. Numbers may: they were numbers in the schema.
 * EX3 `$${` is `${`. Braces may stand in pairs inside, as in `${newest:ckpt.{a,b}}`.
 * EX4 What depends on the start that it is put in for (`isOfStart`) is put in anew for each.
 * EX5 What remains is `progress.total` less the number in the name of the newest file of the checkpoint that is resumed
 *     from: that number goes along with the files, and no line of the output is as exact. Without one nothing is started.
 */
import { NotRetryable } from "../outcome.ts";
import type { CommandLine } from "./definition.ts";

const EXPRESSION = /\$?\$\{((?:[^{}]|\{[^{}]*\})*)\}/g;
/** A pattern, and what is put in where no file matches. */
const NEWEST = /^newest:(.+?)(?:\|([^|()]*))?$/s;
/** A pattern with a number in it. */
const REMAINING = /^remaining:(.+)$/s;
const BY_START = /^start:(.*?)\|resume:(.*)$/s;

/** Is it the first start of an attempt without a checkpoint, or one with a checkpoint in the working folder? */
export type StartKind = "start" | "resume";

/** What templates can name. */
export interface Scope {
  readonly input: unknown;
  /** `job`, `attempt`, `fence`, `seed`, `folder`, `here`, `pid`. */
  readonly words: Readonly<Record<string, string>>;
  /** Newest file that matches, as a path inside the working folder; null: none does. */
  readonly newest: (glob: string) => string | null;
  /** `progress.total`; null: it is not said. */
  readonly total: number | null;
  readonly startKind: StartKind;
}

/** Every name that may stand in `${…}` besides `input` and `newest:`. */
export const WORDS = {
  job: "id of the job",
  attempt: "number of the attempt, from 1 on",
  fence: "grows with every attempt of the job; for outside systems to refuse an older one",
  seed: "a number from 0 to 2147483647 that is the same in every attempt of the job",
  folder: "the working folder, absolute",
  here: "the folder of the programs file",
  pid: "in `command` of a trigger: the id of the program's process",
} as const;

/** The input does not go with the definition: said to the caller, and not tried again. */
export class NotExpandable extends Error {
  override readonly name = "NotExpandable";
}

/** The names in the `${…}` of a text. */
export function namesIn(text: string): string[] {
  return [...text.matchAll(EXPRESSION)].filter(([all]) => !all.startsWith("$${")).map(([, name = ""]) => name.trim());
}

/** Whether a name in `${…}` may stand for something else at the next start (EX4). */
export function isOfStart(name: string): boolean {
  return isByStart(name) || isNewest(name) || isRemaining(name);
}

/** `start:…|resume:…` */
export function isByStart(name: string): boolean {
  return BY_START.test(name);
}

/** `newest:…` */
export function isNewest(name: string): boolean {
  return NEWEST.test(name);
}

/** `remaining:…` */
export function isRemaining(name: string): boolean {
  return REMAINING.test(name);
}

/** What is wrong with the pattern of `newest:…` or `remaining:…`; null: nothing. */
export function patternFault(name: string): string | null {
  const [, glob] = REMAINING.exec(name) ?? NEWEST.exec(name) ?? [];
  const marks = glob?.replaceAll(/[^<>]/g, "") ?? "";
  if (marks === "" && !isRemaining(name)) return null;
  if (marks === "<>" && glob?.includes("<>") === false) return null;
  return "one part of the name stands between < and >, like ckpt-<*>.dat";
}

/**
 * @param encode what is done to each value that is put in (for instance, made literal for a regular expression)
 * @throws NotExpandable naming `where`, when something that is needed is absent; NotRetryable, when no file matches
 */
export function expand(
  text: string,
  scope: Scope,
  where: string,
  encode: (value: string) => string = (value) => value,
): string {
  return text.replace(EXPRESSION, (all, name: string) => {
    if (all.startsWith("$${")) return all.slice(1); // EX3
    const value = valueOf(name.trim(), scope);
    if (value === undefined || value === null) {
      // No input would help, and neither would another attempt with the same files.
      const [, glob] = NEWEST.exec(name.trim()) ?? [];
      if (glob !== undefined) {
        throw new NotRetryable(`${where}: no file matches ${glob} in the working folder`);
      }
      throw new NotExpandable(`${where}: ${name} was not given`);
    }
    return encode(textOf(value));
  });
}

/** An argument list with everything put in. @throws NotExpandable */
export function expandCommand(
  command: CommandLine,
  scope: Scope,
  where: string,
  dashes: readonly string[],
): readonly string[] {
  return command.flatMap((argument, at) => {
    if (typeof argument !== "object") return expandArgument(String(argument), scope, `${where}[${at}]`, dashes);
    const wanted = valueOf(argument.when, scope);
    if (wanted === undefined || wanted === null || wanted === false) return [];
    return argument.args.flatMap((inner, index) =>
      expandArgument(String(inner), scope, `${where}[${at}].args[${index}]`, dashes),
    );
  });
}

function expandArgument(text: string, scope: Scope, where: string, dashes: readonly string[]): readonly string[] {
  const [, whole] = /^\$\{\s*(input[^}]*?)\s*\}$/.exec(text) ?? [];
  const [only = "", ...others] = namesIn(text);
  const isNothing = isOfStart(only) && others.length === 0 && expand(text, scope, where) === "";
  const values = whole === undefined ? (isNothing ? [] : [text]) : wholeValues(valueOf(whole, scope)); // EX1
  return values.map((value) => {
    const expanded = whole === undefined ? expand(text, scope, where) : textOf(value);
    const [, first] = /^\$\{\s*(input[^}]*?)\s*\}/.exec(text) ?? [];
    if (first !== undefined && expanded.startsWith("-") && !dashes.includes(first)) {
      const given = whole === undefined ? valueOf(first, scope) : value;
      if (typeof given !== "number") throw new NotExpandable(`${where}: ${first} begins with "-"`); // EX2
    }
    if (expanded.includes("\0")) throw new NotExpandable(`${where}: holds a zero byte`);
    return expanded;
  });
}

function wholeValues(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** What a name stands for; undefined: nothing. */
export function valueOf(name: string, scope: Scope): unknown {
  const [isNewestFile, glob = "", fallback] = NEWEST.exec(name) ?? [];
  if (isNewestFile !== undefined) return scope.newest(glob) ?? fallback;
  const [, numbered] = REMAINING.exec(name) ?? [];
  if (numbered !== undefined) return remaining(numbered, scope);
  const [isOfKind, start, resume] = BY_START.exec(name) ?? [];
  if (isOfKind !== undefined) return scope.startKind === "start" ? start : resume;
  const [first = "", ...rest] = name.split(".");
  if (first !== "input") return rest.length === 0 && Object.hasOwn(scope.words, first) ? scope.words[first] : undefined;
  return rest.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined,
    scope.input,
  );
}

/** EX5 */
function remaining(glob: string, { newest, total, startKind }: Scope): number | undefined {
  if (total === null) return undefined;
  const told = startKind === "start" ? "0" : newest(glob);
  const done = told === null || told.trim() === "" ? NaN : Number(told);
  if (!Number.isFinite(done)) {
    const what = told === null ? `no file matches ${glob}` : `"${told}", which ${glob} finds, is no number`;
    throw new NotRetryable(`\${remaining:${glob}}: ${what}, so it cannot be told how much remains`);
  }
  return Math.max(0, Number((total - done).toPrecision(12)));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
