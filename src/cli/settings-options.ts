/**
 * Options of the commands that start processes: made from the settings, so that a setting has one name, one meaning
 * and one default everywhere.
 *
 * T1 Every setting is an option of a command or is named in `NOT_OPTIONS` (a test holds it).
 */
import { describeSettings, type SettingName } from "../runtime/config.ts";
import { list, value, type OptionSpec, type OptionTable } from "./command.ts";
import { readText } from "./values.ts";

const SHARED = [
  "redisUrl",
  "onlineRedisUrl",
  "redisPrefix",
  "data",
  "store",
  "durability",
  "logLevel",
  "faults",
  "limits",
] as const;
export const API_SETTINGS = [
  ...SHARED,
  "host",
  "port",
  "publicUrl",
  "apiProcesses",
  "garbageDelayMs",
] as const satisfies readonly SettingName[];
export const WORKER_SETTINGS = [
  ...SHARED,
  "workerId",
  "zone",
  "region",
  "labels",
  "pools",
  "tasks",
  "programs",
  "builtins",
  "onlineSlots",
  "replicas",
  "batchSlots",
  "batchNice",
  "stopGraceMs",
  "storePatienceMs",
  "drainMs",
  "rideThroughMs",
  "garbageDelayMs",
] as const satisfies readonly SettingName[];

export const STORE_SETTINGS = [
  "store",
  "storeHost",
  "storePort",
  "data",
  "drainMs",
  "logLevel",
] as const satisfies readonly SettingName[];

/**
 * Settings that are no option here: `api` is one of every command that speaks to the API, `caller` is the same for all
 * commands of somebody, and secrets would be seen by
 * everybody who lists the processes.
 */
export const NOT_OPTIONS = [
  "api",
  "caller",
  "s3AccessKeyId",
  "s3SecretAccessKey",
  "s3SessionToken",
  "storeToken",
] as const satisfies readonly SettingName[];

/** What may be given more than once; in the variable the values are separated by commas. */
const LISTS: ReadonlySet<string> = new Set<SettingName>(["labels", "pools", "tasks", "programs"]);
const PLACEHOLDERS: Readonly<Partial<Record<SettingName, string>>> = {
  redisUrl: "url",
  onlineRedisUrl: "url",
  data: "folder",
  store: "url",
  storeHost: "address",
  storePort: "port",
  host: "address",
  publicUrl: "url",
  port: "port",
  workerId: "name",
  labels: "key=value",
  pools: "name",
  tasks: "module",
  programs: "file",
  builtins: "on|off",
  zone: "name",
  region: "name",
  durability: "fast|replicated",
  logLevel: "level",
  limits: "json",
  faults: "plan",
  redisPrefix: "word",
};

export function settingsOptions(names: readonly SettingName[]): OptionTable {
  const described = new Map(describeSettings().map((setting) => [setting.name, setting]));
  const entries = names.map((name): [string, OptionSpec] => {
    const setting = described.get(name);
    const fallback = setting?.default ?? "";
    const meaning = `${lowerFirst(setting?.meaning ?? "")}${fallback === "" || fallback === "{}" ? "" : `; default ${fallback}`}`;
    const placeholder = PLACEHOLDERS[name] ?? "n";
    // The worker's supervisors call it by its short name.
    const more = name === "workerId" ? { alias: "id" } : {};
    const option = LISTS.has(name)
      ? list(placeholder, `${meaning}; may repeat`, readText, more)
      : value(placeholder, meaning, readText, more);
    return [name, option];
  });
  return Object.fromEntries(entries);
}

/** The options as settings: unparsed, lists joined, absent ones left out. */
export function settingsOf(options: Readonly<Record<string, unknown>>): Partial<Record<SettingName, string>> {
  const known = new Set<string>(describeSettings().map(({ name }) => name));
  const given = Object.entries(options)
    .filter(([name]) => known.has(name))
    .map(([name, content]): [string, unknown] => [name, joined(content)])
    .filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "");
  return Object.fromEntries(given);
}

function joined(content: unknown): unknown {
  return Array.isArray(content) ? content.map(String).join(",") : content;
}

function lowerFirst(text: string): string {
  // `API` stays `API`.
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
