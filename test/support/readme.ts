/**
 * The parts of the README that say what the code says: rendered from it, between `<!-- generated: name -->` and
 * `<!-- end: name -->`.
 */
import { z } from "zod";
import { ROUTES } from "../../api/routes.ts";
import { argumentUsage, COMMAND_GROUPS, optionUsage, type Command, type OptionTable } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { EXIT_MEANINGS } from "../../src/cli/exit-code.ts";
import { API_SETTINGS, STORE_SETTINGS, WORKER_SETTINGS } from "../../src/cli/settings-options.ts";
import { limitsSchema } from "../../src/contract/limits.ts";
import { ERROR_CODES } from "../../src/domain/error-code.ts";
import { ATTEMPT_ENDINGS } from "../../src/domain/online-retry.ts";
import { JOB_REASONS } from "../../src/domain/job-reason.ts";
import { JOB_STATES, TRANSITIONS, type JobState } from "../../src/domain/job-state.ts";
import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import { describeSettings, type SettingName } from "../../src/runtime/config.ts";
import { programFields, programWords } from "./program-reference.ts";

/** Options that many commands share, said once. */
const SHARED_OPTIONS: ReadonlySet<string> = new Set(["api", "data", "output"]);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cellText).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

/** A bar would end the cell; `<folder>` outside of code would be taken for HTML and vanish. */
function cellText(text: string): string {
  const parts = text.replaceAll("|", "\\|").split(/(`[^`]*`)/);
  return parts.map((part) => (part.startsWith("`") ? part : part.replaceAll("<", "&lt;"))).join("");
}

const code = (text: string): string => `\`${text}\``;

function usersOf(name: SettingName): string {
  const has = (names: readonly SettingName[]): boolean => names.includes(name);
  const users = [
    ...(has(API_SETTINGS) ? ["api"] : []),
    ...(has(WORKER_SETTINGS) ? ["worker"] : []),
    ...(has(STORE_SETTINGS) ? ["store"] : []),
  ];
  if (users.length > 0) return users.join(", ");
  return name === "api" ? "command line" : "api, worker, store (variable only)";
}

function settings(): string {
  return table(
    ["variable", "default", "meaning", "of"],
    describeSettings().map(({ name, variable, default: fallback, meaning }) => [
      code(variable),
      fallback === null || fallback === "" ? "" : code(fallback),
      meaning,
      usersOf(name),
    ]),
  );
}

function limits(): string {
  const names = Object.keys(DEFAULT_LIMITS) as (keyof typeof DEFAULT_LIMITS)[];
  return table(
    ["limit", "default", "meaning"],
    names.map((name) => [code(name), String(DEFAULT_LIMITS[name]), limitsSchema.shape[name].description ?? ""]),
  );
}

function rest(): string {
  return table(
    ["call", "does", "answers"],
    ROUTES.map(({ method, path, summary, successes }) => [
      code(`${method} ${path}`),
      summary,
      [...new Set(successes.map(({ status }) => status))].join(", "),
    ]),
  );
}

function commands(): string {
  return COMMAND_GROUPS.map((group) =>
    [`**${group}**`, ...COMMANDS.filter((one) => one.group === group).map(commandEntry)].join("\n\n"),
  ).join("\n\n");
}

function commandEntry(command: Command): string {
  const usage = ["cairn", command.name, ...command.args.map(argumentUsage)].join(" ");
  const examples = command.examples.map(({ line, does }) => `${line}\n    # ${does}`);
  return [
    `<details><summary><code>${escapeHtml(usage)}</code>: ${escapeHtml(command.summary)}</summary>`,
    ...(command.detail === undefined ? [] : [escapeHtml(command.detail)]),
    `Behind it: ${command.does}.`,
    ...optionList(command),
    `\`\`\`sh\n${examples.join("\n")}\n\`\`\``,
    "</details>",
  ].join("\n\n");
}

function optionList({ name, options }: Command): string[] {
  if (["api", "worker", "store"].includes(name))
    return ["Options: every setting [above](#configuration) that is of it."];
  const own = ownOptions(options);
  const shared = Object.keys(options).filter((option) => SHARED_OPTIONS.has(option));
  const more =
    shared.length === 0
      ? []
      : [`and ${shared.map((option) => code(optionUsage(option, options[option]!))).join(", ")}`];
  const list = own.map(([option, spec]) => `- ${code(optionUsage(option, spec))}: ${spec.meaning}`);
  return [[...list, ...more.map((text) => `- ${text}`)].join("\n")].filter((text) => text !== "");
}

function ownOptions(options: OptionTable): [string, OptionTable[string]][] {
  return Object.entries(options).filter(([option]) => !SHARED_OPTIONS.has(option));
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function exitCodes(): string {
  return table(["code", "meaning"], Object.entries(EXIT_MEANINGS));
}

function states(): string {
  const names = Object.keys(JOB_STATES) as JobState[];
  return table(
    ["state", "meaning", "leaves to"],
    names.map((name) => [
      code(name),
      JOB_STATES[name],
      [...new Set(Object.values(TRANSITIONS[name]))]
        .filter((next) => next !== name)
        .map(code)
        .join(" "),
    ]),
  );
}

function reasons(): string {
  return table(
    ["reason", "meaning"],
    Object.entries(JOB_REASONS).map(([name, meaning]) => [code(name), meaning]),
  );
}

function onlineRetries(): string {
  return table(
    ["an attempt ends so", "tried again", "at the cost of", "else the caller gets"],
    Object.values(ATTEMPT_ENDINGS).map(({ means, retried, costs, else: otherwise }) => [
      means,
      retried,
      retried === "never" ? "" : costs,
      code(otherwise),
    ]),
  );
}

function errors(): string {
  return table(
    ["code", "status", "meaning", "what to do"],
    Object.entries(ERROR_CODES).map(([name, { status, title, hint }]) => [code(name), String(status), title, hint]),
  );
}

const fieldsOfPrograms = (): string => table(["field", "type", "default", "meaning"], programFields());
const wordsOfPrograms = (): string => table(["word", "stands for"], programWords());

const SECTIONS = {
  settings,
  limits,
  rest,
  commands,
  "exit-codes": exitCodes,
  states,
  reasons,
  errors,
  "online-retries": onlineRetries,
  "program-fields": fieldsOfPrograms,
  "program-words": wordsOfPrograms,
} as const;

/** The README with its generated parts as the code has them now. @throws when a part has no place in it */
export function renderReadme(text: string): string {
  return Object.entries(SECTIONS).reduce((before, [name, render]) => {
    const place = new RegExp(`(<!-- generated: ${name} -->\n)[^]*?(<!-- end: ${name} -->)`);
    if (!place.test(before)) throw new Error(`the README has no place for ${name}`);
    return before.replace(place, (_all, begin: string, end: string) => `${begin}\n${render()}\n\n${end}`);
  }, text);
}

const blockSchema = z.object({ kind: z.enum(["run", "file"]), name: z.string(), content: z.string() });
export type ReadmeBlock = z.infer<typeof blockSchema>;

/** The code blocks that are marked to be run, or to be saved as a file, in their order. */
export function readmeBlocks(text: string): ReadmeBlock[] {
  const marked = /<!-- (run|file): (\S+) -->\n```\w+\n([^]*?)```\n<!-- end: \2 -->/g;
  return [...text.matchAll(marked)].map(([, kind, name, content]) => blockSchema.parse({ kind, name, content }));
}
