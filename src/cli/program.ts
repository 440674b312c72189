/**
 * Makes the parser from the table of commands, and runs one command to its exit code.
 *
 * G1 Whatever is wrong with the command line is exit code 2, with the way to the help.
 * G2 Help is data (standard output, 0); the help that follows an error is words.
 */
import { Command as Parser, CommanderError, Help, InvalidArgumentError, Option } from "commander";
import { adviceWhenAway, findApi } from "./api-address.ts";
import {
  argumentUsage,
  COMMAND_GROUPS,
  optionUsage,
  type Command,
  type OptionSpec,
  type OptionTable,
  type OptionValues,
} from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT, EXIT_MEANINGS, exitCodeOf, type ExitCode } from "./exit-code.ts";
import { CairnProblem, CairnUnreachable } from "../client/fault.ts";
import { loadConfig } from "../runtime/config.ts";
import { FORMS } from "./output.ts";
import type { Session } from "./session.ts";
import { tellError } from "./tell-error.ts";
import { UsageError } from "./usage-error.ts";
import { readJobId } from "./values.ts";

const HELP_COLUMNS = 78;

/** @param args what stands after `cairn` */
export async function runProgram(session: Session, args: readonly string[], version: string): Promise<number> {
  let exit: number = EXIT.ok;
  const written: string[] = [];
  const parser = createParser(version, async (command, given, options) => {
    exit = await command.run(session, readArguments(command, given), options);
  });
  // Collected and written below, so that a pipe that is full is waited for.
  const output = {
    writeOut: (text: string) => void written.push(text),
    writeErr: (text: string) => session.say(text.trimEnd()),
  };
  for (const one of [parser, ...parser.commands])
    one.configureOutput({ ...output, getOutHelpWidth: () => HELP_COLUMNS });
  try {
    await parser.parseAsync([...args], { from: "user" });
  } catch (error) {
    exit = error instanceof CommanderError ? endOfParser(session, args, error) : await failed(session, args, error);
  }
  for (const text of written) await session.out(text); // G2
  return exit;
}

/** Ids of jobs as the API knows them. @throws UsageError for what cannot be one */
function readArguments({ args }: Command, given: readonly string[]): readonly string[] {
  return given.map((text, at) => ((args[at] ?? args.at(-1))?.name === "job" ? readJobId(text) : text));
}

function endOfParser({ say }: Session, args: readonly string[], error: CommanderError): ExitCode {
  // A shell that was given {"a": 1} without quotes hands over {a: and 1}.
  if (error.code === "commander.excessArguments" && args.some((arg) => /^[{[]/.test(arg))) {
    say(`  JSON is one argument: put it into single quotes, '{"steps": 3}'; or in a file, with -f`);
  }
  return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}

async function failed(session: Session, args: readonly string[], error: unknown): Promise<ExitCode> {
  const array = await arrayInstead(session, args, error);
  if (array !== null) {
    const { typed, say } = session;
    say(`cairn: ${array} is an array, not a job:`);
    say(`  \`${typed} arrays ${array}\` shows it, \`${typed} ls --array ${array}\` its jobs,`);
    say(`  \`${typed} cancel --array ${array}\` gives them up; stop, resume and retry take --array too.`);
    return exitCodeOf(error);
  }
  tellError(session, error, { prefix: "cairn", form: formOf(args) });
  if (error instanceof UsageError) session.say(`  ${session.typed} ${args[0] ?? ""} --help shows how it is written`);
  else if (error instanceof CairnUnreachable) session.say(`  ${adviceFor(session, args)}`);
  return exitCodeOf(error);
}

/** The id that is no job's but an array's, if that is why it was not found. */
async function arrayInstead(session: Session, args: readonly string[], error: unknown): Promise<string | null> {
  if (!(error instanceof CairnProblem) || error.code !== "unknown_job" || formOf(args) === "json") return null;
  const client = session.client({ api: optionOf(args, "--api"), data: optionOf(args, "--data") });
  for (const id of args.map((arg) => arg.trim().toLowerCase()).filter((arg) => /^[0-9a-z]{26}$/.test(arg))) {
    const found = await client.arrays.get(id).catch(() => null);
    if (found !== null) return id;
  }
  return null;
}

/** Read off once more: the parsed options are gone with the command that failed. */
function optionOf(args: readonly string[], ...names: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (names.includes(arg)) return args[index + 1];
    const name = names.find((one) => one.startsWith("--") && arg.startsWith(`${one}=`));
    if (name !== undefined) return arg.slice(name.length + 1);
  }
  return undefined;
}

function formOf(args: readonly string[]): (typeof FORMS)[number] {
  const wanted = optionOf(args, "-o", "--output");
  return FORMS.find((form) => form === wanted) ?? "table";
}

function adviceFor({ typed }: Session, args: readonly string[]): string {
  return adviceWhenAway(findApi(loadConfig({ api: optionOf(args, "--api"), data: optionOf(args, "--data") })), typed);
}

type RunCommand = (command: Command, args: readonly string[], options: OptionValues<OptionTable>) => Promise<void>;

export function createParser(version: string, run: RunCommand): Parser {
  const parser = new Parser("cairn")
    .description("Online requests and checkpointed batch jobs on one fleet of unreliable machines.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .commandsGroup("Help:")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    .showHelpAfterError("(cairn --help lists the commands)")
    .addHelpText("after", exitCodeHelp());
  for (const group of COMMAND_GROUPS) {
    for (const command of COMMANDS.filter((one) => one.group === group)) {
      parser.addCommand(createCommand(command, run).helpGroup(`${group}:`));
    }
  }
  return parser;
}

function createCommand(command: Command, run: RunCommand): Parser {
  const parser = new Parser(command.name)
    .summary(command.summary)
    .description(descriptionOf(command))
    .helpOption("-h, --help", "print help")
    .exitOverride()
    .showHelpAfterError(`(cairn ${command.name} --help shows how it is written)`)
    .addHelpText("after", afterHelp(command))
    .configureHelp({ helpWidth: HELP_COLUMNS });
  for (const argument of command.args) parser.argument(argumentUsage(argument), argument.meaning);
  for (const [name, spec] of Object.entries(command.options)) parser.addOption(createOption(name, spec));
  return parser.action(async () => {
    await run(command, parser.args, withAbsent(command.options, parser.opts()));
  });
}

function createOption(name: string, spec: OptionSpec): Option {
  const option = new Option(optionUsage(name, spec), spec.meaning);
  if (spec.kind === "flag") return option;
  const read = (text: string): unknown => {
    try {
      return spec.read(text);
    } catch (error) {
      if (error instanceof UsageError) throw new InvalidArgumentError(`${error.message}.`);
      throw error;
    }
  };
  if (spec.kind === "value") return option.argParser(read);
  return option.argParser((text: string, before: unknown) => [
    ...(Array.isArray(before) ? (before as unknown[]) : []),
    read(text),
  ]);
}

/** Absent options as `OptionValues` has them: undefined, false, or an empty list. */
function withAbsent(table: OptionTable, given: Readonly<Record<string, unknown>>): OptionValues<OptionTable> {
  const absent = { value: undefined, flag: false, list: [] } as const;
  const entries = Object.entries(table).map(([name, { kind, alias }]): [string, unknown] => [
    name,
    given[name] ?? (alias === undefined ? undefined : given[alias]) ?? absent[kind],
  ]);
  return Object.fromEntries(entries) as OptionValues<OptionTable>;
}

function descriptionOf({ summary, detail }: Command): string {
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return detail === undefined ? sentence : `${sentence} ${detail}`;
}

function afterHelp({ examples, does }: Command): string {
  const lines = examples.flatMap(({ line, does: effect }) => [`  ${line}`, `      ${effect}`]);
  return `\nExamples:\n${lines.join("\n")}\n\nBehind it: ${does}`;
}

function exitCodeHelp(): string {
  const lines = Object.entries(EXIT_MEANINGS).map(([code, meaning]) => {
    const [first = "", ...rest] = new Help().boxWrap(meaning, HELP_COLUMNS - 6).split("\n");
    return [`  ${code.padStart(2)}  ${first}`, ...rest.map((line) => `      ${line}`)].join("\n");
  });
  return `\nExit codes:\n${lines.join("\n")}`;
}
