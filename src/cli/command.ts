/**
 * A command as data: the parser, the help, the reference in the README and the test that compares them are all made
 * from it.
 *
 * M1 What a command does is in `run`; what it is called, takes and answers is in the rest. Neither repeats the other.
 * M2 `run` gets its options by name with their types; absent ones are undefined, flags false, lists empty.
 */
import type { Session } from "./session.ts";

interface Described {
  /** One letter. */
  readonly short?: string;
  /** A second long name. */
  readonly alias?: string;
  readonly meaning: string;
}

/** `--name <placeholder>` */
export interface ValueOption<Value> extends Described {
  readonly kind: "value";
  readonly placeholder: string;
  readonly read: (text: string) => Value;
}

/** `--name` */
export interface FlagOption extends Described {
  readonly kind: "flag";
}

/** `--name <placeholder>`, as often as wanted. */
export interface ListOption<Value> extends Described {
  readonly kind: "list";
  readonly placeholder: string;
  readonly read: (text: string) => Value;
}

export type OptionSpec = ValueOption<unknown> | FlagOption | ListOption<unknown>;
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** What `run` gets (M2). */
export type OptionValues<Options extends OptionTable> = {
  readonly [Name in keyof Options]: Options[Name] extends FlagOption
    ? boolean
    : Options[Name] extends ListOption<infer Value>
      ? readonly Value[]
      : Options[Name] extends ValueOption<infer Value>
        ? Value | undefined
        : never;
};

export interface ArgumentSpec {
  readonly name: string;
  readonly meaning: string;
  readonly count: "one" | "optional" | "many";
}

export interface Example {
  /** Without a prompt; can be pasted. */
  readonly line: string;
  readonly does: string;
}

export interface Command<Options extends OptionTable = OptionTable> {
  readonly name: string;
  readonly group: CommandGroup;
  readonly summary: string;
  /** More sentences for the help. */
  readonly detail?: string;
  /** The REST call behind it, or what it starts. */
  readonly does: string;
  readonly args: readonly ArgumentSpec[];
  readonly options: Options;
  readonly examples: readonly [Example, ...Example[]];
  /** @returns the exit code */
  // A method, so that commands with different options fit into one table.
  run(session: Session, args: readonly string[], options: OptionValues<Options>): Promise<number>;
}

/** Headings of the help and the reference, in their order. */
export const COMMAND_GROUPS = [
  "Run Cairn",
  "Submit work",
  "See what happens",
  "Steer jobs",
  "Look after workers",
] as const;
export type CommandGroup = (typeof COMMAND_GROUPS)[number];

/** Checks the types of a command, and forgets those of its options. */
export function command<Options extends OptionTable>(spec: Command<Options>): Command {
  return spec;
}

export function flag(meaning: string, more: Partial<Described> = {}): FlagOption {
  return { kind: "flag", meaning, ...more };
}

export function value<Value>(
  placeholder: string,
  meaning: string,
  read: (text: string) => Value,
  more: Partial<Described> = {},
): ValueOption<Value> {
  return { kind: "value", placeholder, meaning, read, ...more };
}

export function list<Value>(
  placeholder: string,
  meaning: string,
  read: (text: string) => Value,
  more: Partial<Described> = {},
): ListOption<Value> {
  return { kind: "list", placeholder, meaning, read, ...more };
}

/** How an option is written: `-o, --output <form>`. */
export function optionUsage(name: string, option: OptionSpec): string {
  const names = [
    ...(option.short === undefined ? [] : [`-${option.short}`]),
    `--${kebab(name)}`,
    ...(option.alias === undefined ? [] : [`--${kebab(option.alias)}`]),
  ].join(", ");
  return option.kind === "flag" ? names : `${names} <${option.placeholder}>`;
}

/** How an argument is written: `<job>`, `[input]`, `<job...>`. */
export function argumentUsage({ name, count }: ArgumentSpec): string {
  return { one: `<${name}>`, optional: `[${name}]`, many: `<${name}...>` }[count];
}

/** `runAt` → `run-at` */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
