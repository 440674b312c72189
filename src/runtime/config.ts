/**
 * The configuration of a process: flags over `CAIRN_*` variables over a `.env` file over defaults.
 * This is the only file that reads the environment.
 */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { nearestName } from "../domain/nearest-name.ts";
import { DEFAULT_LIMITS, type Limits } from "../domain/limits.ts";

const list = z.string().transform((text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== ""),
);
const pairs = list.transform((items) => Object.fromEntries(items.map((item) => splitPair(item))));
const whole = z.coerce.number({ error: numberFault }).int({ error: "must be a whole number" });

/** Zod asks the schema of the number also for what its bounds say. */
function numberFault(issue: {
  readonly code?: string | undefined;
  readonly maximum?: unknown;
  readonly minimum?: unknown;
}): string {
  if (issue.code === "too_big") return `must not be more than ${String(issue.maximum)}`;
  return issue.code === "too_small" ? `must not be less than ${String(issue.minimum)}` : "must be a whole number";
}

const REDIS_URL = /^(rediss?|redis\+(sentinel|cluster)):\/\/./;
const REDIS_URL_FORMS = {
  error:
    "write redis://host:port, rediss://host:port, redis+sentinel://host:port,…/name or redis+cluster://host:port,…",
};

/** Every setting: the variable is `CAIRN_` + its name in upper snake case. */
const settings = z.strictObject({
  redisUrl: z
    .string()
    .regex(REDIS_URL, REDIS_URL_FORMS)
    .default("redis://127.0.0.1:6379")
    .describe("redis://, rediss://, redis+sentinel://host,host/name, redis+cluster://host,host"),
  onlineRedisUrl: z
    .string()
    .regex(REDIS_URL, REDIS_URL_FORMS)
    .optional()
    .describe("Another Redis for online work; default: the same"),
  redisPrefix: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .default("cairn")
    .describe("First part of every key"),
  data: z
    .string()
    .default(".cairn")
    .transform((path) => resolve(path))
    .describe("Folder for data of this machine"),
  store: z
    .string()
    .optional()
    .describe("Checkpoint store: file:<folder>, s3://bucket/prefix or http://host:port; default: <data>/store"),
  s3AccessKeyId: z.string().optional().describe("Key for an S3 store; without one: what the AWS SDK finds by itself"),
  s3SecretAccessKey: z.string().optional().describe("The secret of that key"),
  s3SessionToken: z.string().optional().describe("The token of a temporary key"),
  storeToken: z.string().min(16).optional().describe("What `cairn store` demands, and what its clients show"),
  storeHost: z.string().default("127.0.0.1").describe("Address `cairn store` listens on"),
  storePort: whole.min(0).max(65_535).default(8090).describe("Port `cairn store` listens on; 0: any free one"),
  host: z.string().default("127.0.0.1").describe("Address the API listens on"),
  port: whole.min(0).max(65_535).default(8080).describe("Port the API listens on; 0: any free one"),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Address under which clients reach the API, when a proxy stands in front of it"),
  apiProcesses: whole.min(1).max(64).default(1).describe("Serving processes of one `cairn api`"),
  api: z.string().optional().describe("Address of the API for the CLI"),
  caller: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, "write 1 to 64 letters, digits, `.`, `_`, `@` or `-`, no sign first")
    .optional()
    .describe("Name under which the CLI asks (`Cairn-Caller`): for shares, `ls --caller`, and a job's orders"),
  workerId: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)
    .optional()
    .describe("Name of this worker; default: host and a random part"),
  zone: z.string().optional().describe("Zone of this worker"),
  region: z.string().optional().describe("Region of this worker"),
  labels: pairs.default({}).describe("Labels of this worker, k=v,k=v"),
  pools: list.default(["default"]).describe("Pools this worker serves"),
  onlineSlots: whole
    .min(0)
    .max(10_000)
    .default(16)
    .describe("Online requests at the same time on this worker; 0: none"),
  replicas: whole.min(0).max(64).default(1).describe("Replica processes of this worker"),
  batchSlots: whole.min(0).max(1_000).default(2).describe("Batch jobs at the same time on this worker"),
  batchNice: whole
    .min(0)
    .max(19)
    .default(19)
    .describe("Nice value of batch jobs; 19: they get what online work leaves, 0: an equal share"),
  tasks: list.default([]).describe("Modules with tasks, besides the built-in ones"),
  programs: list.default([]).describe("Files (YAML or JSON) with programs that this worker runs as batch tasks"),
  builtins: z.enum(["on", "off"]).default("on").describe("Serve the built-in tasks"),
  stopGraceMs: whole.min(0).default(30_000).describe("Time a batch job has to make its last checkpoint, ms"),
  storePatienceMs: whole
    .min(1_000)
    .default(60_000)
    .describe("How long a batch job waits for a checkpoint store that does not answer, before it goes elsewhere, ms"),
  drainMs: whole.min(0).default(60_000).describe("Time a worker has to drain before it is hurried, ms"),
  rideThroughMs: whole.min(0).default(600_000).describe("How long batch work computes on without Redis, ms"),
  garbageDelayMs: whole
    .min(0)
    .default(600_000)
    .describe("Time between the decision to delete files of a job and their deletion, ms"),
  durability: z
    .enum(["fast", "replicated"])
    .default("fast")
    .describe("replicated: nobody is told of a job, a lease or an outcome before a Redis replica has it too"),
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .describe("Least severity that is logged"),
  faults: z.string().default("").describe("Fault plan, for tests: name=kill|freeze|fail|skip[@n],…"),
  limits: z.string().default("{}").describe("JSON object that overrides entries of /v1/limits"),
});

/** The settings cannot be used; the message names the variable, what it holds and what it should. */
export class CairnSettingsFault extends TypeError {
  override readonly name = "CairnSettingsFault";
}

type Settings = z.output<typeof settings>;
export type SettingName = keyof Settings;
export type Config = Readonly<Omit<Settings, "store" | "limits" | "onlineRedisUrl">> & {
  readonly store: string;
  readonly onlineRedisUrl: string;
  readonly limits: Limits;
  readonly hostname: string;
};

/** The variable of a setting: `redisUrl` → `CAIRN_REDIS_URL`. */
export function variableOf(name: string): string {
  return `CAIRN_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

export interface SettingDescription {
  readonly name: SettingName;
  readonly variable: string;
  readonly meaning: string;
  /** As it would be written in the variable; null when there is none. */
  readonly default: string | null;
}

/** Each setting with its variable, meaning and default, for the documentation. */
export function describeSettings(): readonly SettingDescription[] {
  return (Object.keys(settings.shape) as SettingName[]).map((name) => {
    // As JSON Schema: what is written, before `data` becomes an absolute path of this machine. Lists have none there.
    const schema = settings.shape[name];
    const written = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }).default ?? schema.parse(undefined);
    return {
      name,
      variable: variableOf(name),
      meaning: schema.description ?? "",
      default: written === undefined ? null : textOf(written),
    };
  });
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(",");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(([key, item]) => `${key}=${String(item)}`)
    .join(",");
}

/**
 * What was set, by name, unparsed: flags over variables over `.env`.
 * @param flags settings given on the command line, by name; undefined ones are passed over
 */
export function givenSettings(
  flags: Partial<Record<SettingName, string | undefined>> = {},
): Partial<Record<SettingName, string>> {
  try {
    process.loadEnvFile();
  } catch {
    // No .env file: the usual case.
  }
  const given: Partial<Record<SettingName, string>> = {};
  for (const name of Object.keys(settings.shape) as SettingName[]) {
    const value = flags[name] ?? process.env[variableOf(name)];
    if (value !== undefined && value !== "") given[name] = value;
  }
  return given;
}

/** Never shown. */
const SECRETS: ReadonlySet<SettingName> = new Set<SettingName>(["storeToken", "s3SecretAccessKey", "s3SessionToken"]);

/** Read elsewhere: the mark of who started a process (`launch/guard.mjs`), and what the tests are told. */
const NOT_SETTINGS: ReadonlySet<string> = new Set(["CAIRN_RUN", "CAIRN_TEST_LOG"]);

/** Was this process started by `npm start` or `cairn dev`, which tell what concerns them all? */
export function isSupervised(): boolean {
  return process.env["CAIRN_RUN"] !== undefined;
}

/** Variables that begin like ours and that nothing reads: each in a sentence, with the one that may be meant. */
export function unknownVariables(environment: Readonly<Record<string, string | undefined>> = process.env): string[] {
  const known = (Object.keys(settings.shape) as SettingName[]).map((name) => variableOf(name));
  return Object.keys(environment)
    .filter((name) => name.startsWith("CAIRN_") && !known.includes(name) && !NOT_SETTINGS.has(name))
    .sort()
    .map((name) => {
      const near = nearestName(name, known);
      return `${name} is no setting, and is ignored${near === null ? "" : `; did you mean ${near}?`}`;
    });
}

/** The environment this process was started with, for what it starts itself. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

const AWS_VARIABLE =
  /^AWS_(?:REGION|PROFILE|CONFIG_FILE|SHARED_CREDENTIALS_FILE|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|ROLE_ARN|ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN_FILE|CONTAINER_\w+|EC2_METADATA_\w+|STS_REGIONAL_ENDPOINTS|ENDPOINT_URL\w*)$/;

/**
 * The variables by which the AWS SDK finds keys and region: a profile, or the role of a container or a pod. Whoever
 * starts a process that asks S3, and gives it none of its own environment, hands it these.
 */
export function awsVariables(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && AWS_VARIABLE.test(name) ? [[name, value] as const] : [],
    ),
  );
}

/** Sets a variable that a package reads from the environment by itself; one that is set already stays. */
export function presetVariable(name: string, value: string): void {
  process.env[name] ??= value;
}

/** How the person at the terminal has called the command line: what is suggested to be typed next begins with it. */
export function commandAsTyped(): "cairn" | "npx cairn" {
  return process.env["npm_command"] === "exec" ? "npx cairn" : "cairn";
}

/** The environment of a process that is to run with these settings: this one's, with the settings on top. */
export function environmentWith(flags: Partial<Record<SettingName, string | undefined>>): NodeJS.ProcessEnv {
  const given = Object.entries(givenSettings(flags)).map(([name, value]) => [variableOf(name), value]);
  return { ...process.env, ...(Object.fromEntries(given) as Record<string, string>) };
}

/**
 * Reads the configuration.
 *
 * @param flags settings given on the command line, by name; undefined ones are passed over
 * @throws CairnSettingsFault naming the variable, what it holds and what it should
 */
export function loadConfig(flags: Partial<Record<SettingName, string | undefined>> = {}): Config {
  const given = givenSettings(flags);
  const parsed = settings.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0] ?? "") as SettingName;
    const said = SECRETS.has(name) ? "not usable" : `"${given[name] ?? ""}"`;
    throw new CairnSettingsFault(`${variableOf(name)} is ${said}: ${issue?.message ?? "not usable"}`);
  }
  const { store, limits, onlineRedisUrl, ...rest } = parsed.data;
  return Object.freeze({
    ...rest,
    store: store ?? `file:${resolve(rest.data, "store")}`,
    onlineRedisUrl: onlineRedisUrl ?? rest.redisUrl,
    limits: parseLimits(limits),
    hostname: hostname(),
  });
}

function parseLimits(text: string): Limits {
  const shape = z.strictObject(
    Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((key) => [key, z.number().int().min(0).optional()])),
  );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CairnSettingsFault("CAIRN_LIMITS is not JSON", { cause: error });
  }
  const parsed = shape.safeParse(value);
  if (!parsed.success) throw new CairnSettingsFault(`CAIRN_LIMITS: ${z.prettifyError(parsed.error)}`);
  return { ...DEFAULT_LIMITS, ...parsed.data };
}

function splitPair(item: string): [string, string] {
  const at = item.indexOf("=");
  return at < 0 ? [item, ""] : [item.slice(0, at), item.slice(at + 1)];
}
