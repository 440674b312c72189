/**
 * What a program is to Cairn: how it is started, how its checkpoints are asked for and recognised, when it is done.
 * This schema is the only source of it: for `defineProgram`, for YAML and JSON files, and for the README's table.
 *
 * PD1 A definition that cannot work is refused when it is read, with the field and what is expected there.
 * PD2 What a caller sends reaches a command line only as whole arguments, or inside one; never a shell, and never as an
 *     option that the definition did not foresee (`dashes`).
 */
import { constants } from "node:os";
import { z } from "zod";
import { NAME } from "../../contract/json.ts";
import { duration, size } from "./quantity.ts";
import { regularExpressionFault } from "./regular-expression.ts";

const SIGNALS = Object.keys(constants.signals);
const FORBIDDEN = new Set(["SIGKILL", "SIGSTOP"]);

const template = z.string();
const glob = z.string().min(1).meta({ title: "pattern" });
const regularExpression = z
  .string()
  .min(1)
  .refine((text) => regularExpressionFault(text) === null, {
    error: ({ input }) => `must be a regular expression of JavaScript: ${regularExpressionFault(String(input)) ?? ""}`,
  })
  .meta({ title: "regular expression" });
const signalName = z
  .string()
  .refine((name) => SIGNALS.includes(name), { error: "must be the name of a signal, like SIGUSR1" })
  .meta({ title: "name of a signal" });
const fileName = z
  .string()
  .min(1)
  .refine((path) => isInside(path), { error: "must be a path inside the working folder, without `..`" })
  .meta({ title: "path in the working folder" });

const plainArgument = z.union([z.string(), z.number()]);
const argument = z.union(
  [
    plainArgument,
    z.strictObject({
      when: z.string().regex(/^input(\.[\w-]+)+$/, { error: "must name a field of the input, like input.verbose" }),
      args: z.array(plainArgument).min(1),
    }),
  ],
  { error: "must be text, a number, or { when: input.…, args: […] }; in YAML quote words like on, yes and true" },
);
const commandLine = z
  .array(argument, { error: "must be a list: the executable, then its arguments" })
  .min(1, { error: "must be a list: the executable, then its arguments" })
  .refine(([first]) => typeof first === "string" && first !== "", { error: "must begin with the executable" })
  .meta({ title: "command line" });

const reaction = {
  then: z
    .enum(["continues", "exits"])
    .default("continues")
    .describe("What the program does when the checkpoint is written"),
  timeoutMs: duration.prefault("60s").describe("Not written by then: this checkpoint is given up"),
};
const trigger = z
  .strictObject({
    signal: signalName
      .refine((name) => !FORBIDDEN.has(name), { error: "SIGKILL and SIGSTOP cannot be handled by any program" })
      .optional()
      .describe("Sent to the first process from the top of the tree that handles it; never to one that it would end"),
    file: fileName.optional().describe("Created in the working folder, removed when the checkpoint is written"),
    content: template.default("").describe("Content of that file"),
    command: commandLine.optional().describe("Run in the working folder; `${pid}` is the program's"),
    stdin: template.optional().describe("Text written to the program's standard input"),
    ...reaction,
  })
  .refine(({ signal, file, command, stdin }) => [signal, file, command, stdin].filter(isGiven).length === 1, {
    error: "must have exactly one of signal, file, command, stdin",
  });
export type Trigger = z.output<typeof trigger>;

const ready = z
  .strictObject({
    text: regularExpression.optional().describe("When a line of its output matches; `${…}` is put in literally"),
    file: glob.optional().describe("When a file that matches is there"),
  })
  .refine(({ text, file }) => [text, file].filter(isGiven).length === 1, { error: "must have either text or file" });

const lastLine = z.strictObject({
  in: glob.optional().describe("Which files; default: all of the checkpoint"),
  matches: regularExpression.describe("Must match the last line of each of them; `${…}` is put in literally"),
});
const written = z
  .strictObject({
    settleMs: z
      .union([z.literal("auto"), duration])
      .prefault("auto")
      .describe(
        "Complete when no file of it has changed for so long (only without `text`, `file` and `lastLine`): longer than any pause " +
          "in the middle of writing one, between two of its files too; `auto`: a second",
      ),
    closed: z
      .boolean()
      .default(false)
      .describe(
        "true: one file that is opened, written and closed in one go. Complete when no process of the program has it " +
          "open and nothing has changed for a tenth of a second, or `settleMs`",
      ),
    text: regularExpression.optional().describe("Complete when a line of the output matches"),
    file: glob.optional().describe("Complete when a file that matches is new or has changed"),
    lastLine: lastLine.optional().describe("Complete when the files themselves end with a line that says so"),
    always: z
      .boolean()
      .default(false)
      .describe(
        "true: at any moment, as the program goes on from what `kill -9` leaves. Taken at `intervalMs`; its processes are " +
          "paused until the files are frozen. Needs no word where all of `files` are `appended` or `lines`",
      ),
  })
  .refine(
    ({ text, file, lastLine: last, closed, always }) =>
      [text, file, last].filter(isGiven).length + Number(closed) + Number(always) <= 1,
    { error: "must have only one of text, file, lastLine, closed, always" },
  );

const checkpoint = z
  .strictObject({
    version: z.int().min(1).default(1).describe("Raise it when older checkpoints can no longer be resumed from"),
    files: z
      .array(glob)
      .min(1)
      .default(["**"])
      .describe("What a checkpoint consists of; each pattern must match at least one file"),
    optional: z.array(glob).default([]).describe("Files that go along when they are there"),
    exclude: z.array(glob).default([]).describe("Files that do not, whatever else matches them"),
    replaced: z
      .array(glob)
      .default([])
      .describe("Files that the program never writes in place, but replaces by rename: frozen by a hard link"),
    appended: z
      .array(glob)
      .default([])
      .describe("Files that only grow, and that the program cuts back when it resumes: they need not hold still"),
    lines: z
      .array(glob)
      .default([])
      .describe("The same of files that grow line by line: kept up to the end of their last whole line"),
    trigger: trigger.optional().describe("How a checkpoint is asked for; without it the program makes them by itself"),
    stop: trigger
      .optional()
      .describe("How the program is asked to make its last checkpoint and end; default: by `trigger`, then ended"),
    ready: ready
      .optional()
      .describe(
        "From when on it can be asked, after each start; before it is not. Without it: at once, by a signal as soon as " +
          "somebody handles it",
      ),
    written: written.default(() => written.parse({})).describe("How it is seen that a checkpoint is complete"),
    intervalMs: z
      .union([z.literal("auto"), duration])
      .prefault("auto")
      .describe("Time between checkpoints that are asked for, or taken (`written.always`)"),
    minMs: duration.prefault("1s").describe("Least time between them, with `auto`"),
    maxMs: duration.prefault("10m").describe("Most time between them, with `auto`"),
    keep: z.int().min(2).default(2).describe("Checkpoints kept in the store"),
  })
  .refine(({ minMs, maxMs }) => minMs <= maxMs, { error: "minMs must not be more than maxMs", path: ["minMs"] })
  .refine(({ ready: from, ...others }) => !isGiven(from) || isAskedOrTaken(others), {
    error: "is about `trigger`, `stop` and `written.always`: without them nobody asks the program",
    path: ["ready"],
  });

/** As in HTCondor. */
const CHECKPOINTED = [85];
const exitCode = z.union([z.int().min(0).max(255), signalName], {
  error: "must be an exit code from 0 to 255, or the name of a signal",
});
const exitCodes = z.strictObject({
  done: z.array(exitCode).default([0]).describe("The program has finished, if `complete` holds too"),
  checkpointed: z
    .array(exitCode)
    .default([...CHECKPOINTED])
    .describe("It made a checkpoint and wants to be started again; 85 as in HTCondor"),
  retry: z.array(exitCode).default([]).describe("It failed; another attempt may succeed (as often as `maxRetries`)"),
  fail: z.array(exitCode).default([]).describe("It failed for good"),
  otherwise: z.enum(["retry", "fail"]).default("retry").describe("What any other exit means"),
});

const textCondition = z.strictObject({
  in: z.string().default("output").describe("`output` (standard output and error), or a file of the working folder"),
  matches: regularExpression.describe("Must be found; `${…}` is put in literally"),
});
const complete = z.strictObject({
  files: z.array(glob).default([]).describe("Each pattern must match at least one file"),
  text: z.array(textCondition).default([]).describe("Each must be found"),
  command: commandLine.optional().describe("Must exit with 0, run in the working folder"),
  timeoutMs: duration.prefault("60s").describe("`command` has not ended by then: it does not hold"),
});

const progress = z.strictObject({
  text: regularExpression.describe("Its first group, or the one named `completed`, is how far it is"),
  in: z.string().default("output").describe("`output`, or a file of the working folder whose end is looked at"),
  total: z.union([template, z.number()]).optional().describe("Of how many; or a group named `total`"),
  unit: z.string().default("steps").describe("Of what"),
});

const output = z.union([
  glob,
  z.strictObject({
    files: glob.describe("Which files"),
    name: z
      .string()
      .optional()
      .describe("Name of the artifact, when one file matches; default: its path with `-` for `/`"),
    optional: z.boolean().default(false).describe("true: it is no fault if nothing matches"),
  }),
]);

const result = z
  .strictObject({
    json: fileName.optional().describe("A file with JSON"),
    text: regularExpression
      .optional()
      .describe(
        "The last match in the output: its named groups, or its first group; a number where that loses no digit, else text",
      ),
  })
  .refine((value) => [value.json, value.text].filter(isGiven).length === 1, { error: "must have json or text" });

const limits = z.strictObject({
  wallMs: duration.optional().describe("Time of an attempt; when it is over the attempt has `timed_out`"),
  memoryBytes: size.optional().describe("Memory of all processes together"),
  cpuMs: duration.optional().describe("Processor time of an attempt, all processes together"),
  cpus: z.int().min(1).optional().describe("Processors it may use at a time"),
  diskBytes: size.optional().describe("Size of the working folder"),
  processes: z.int().min(1).optional().describe("Processes at a time"),
});

const source = z
  .strictObject({
    text: template.optional().describe("The content, `${…}` put in"),
    base64: template.optional().describe("The content, in base64"),
    json: z
      .string()
      .regex(/^input(\.[\w-]+)*$/, { error: "must be input, or name a field of it, like input.mesh" })
      .optional()
      .describe("A part of the input, like input or input.mesh, written as JSON"),
    path: template.optional().describe("A file or folder of the worker's machine; relative to the programs file"),
    url: template.optional().describe("http:// or https://"),
    allow: z
      .array(z.string().regex(/^(\*$|https?:\/\/)/, { error: 'must be "*", or begin with http:// or https://' }))
      .default([])
      .describe("With `url`: beginnings of URLs that may be fetched; needed when the host comes from the input"),
    artifact: z
      .strictObject({ job: template.describe("Its id"), name: template.describe("Name of the artifact") })
      .optional()
      .describe("An artifact of a job that has published it"),
    sha256: template.optional().describe("What the content must hash to"),
    maxBytes: size.prefault("1GiB").describe("Longest content"),
    timeoutMs: duration.prefault("10m").describe("Longest time to fetch it"),
    executable: z.boolean().default(false).describe("true: may be executed"),
  })
  .refine(
    ({ text, base64, json, path, url, artifact }) =>
      [text, base64, json, path, url, artifact].filter(isGiven).length === 1,
    { error: "must have exactly one of text, base64, json, path, url, artifact" },
  );
export type FileSource = z.output<typeof source>;

const backoff = z.strictObject({
  initialMs: duration.prefault("1s").describe("The first one"),
  factor: z.number().min(1).default(2).describe("How many times longer each next one is"),
  maxMs: duration.prefault("60s").describe("The longest"),
  jitter: z.number().min(0).max(1).default(0.2).describe("Spread by this part, up and down"),
});

/** Everything but name and schemas, which the two forms of a definition give differently. */
export const programSchema = z.strictObject({
  name: z
    .string()
    .regex(NAME, {
      error: "must be 1 to 63 lower-case letters, digits and hyphens, beginning with a letter",
    })
    .describe("Name of the task"),
  description: z.string().default("").describe("What it does, for people"),
  start: commandLine.describe("Command line of the first start: a list, not a string"),
  resume: commandLine
    .optional()
    .describe("Command line with a restored checkpoint in the working folder; default: `start`"),
  dashes: z
    .array(z.string().regex(/^input(\.[\w-]+)+$/, { error: "must name a field of the input, like input.options" }))
    .default([])
    .describe("Fields of the input whose text may begin an argument with `-`"),
  env: z
    .record(z.string().regex(/^[A-Za-z_]\w*$/), z.union([template, z.number()]))
    .default({})
    .describe("Variables"),
  passEnv: z.array(z.string()).default([]).describe("Variables of the worker that are passed on"),
  stdin: fileName.optional().describe("File that is its standard input; default: empty"),
  stdout: fileName.optional().describe("File to which its standard output is appended, besides the log"),
  files: z
    .record(fileName, source)
    .default({})
    .describe("Input files: where they go in the working folder, and their source"),
  checkpoint: checkpoint.optional().describe("Without it the program begins anew each time"),
  background: z
    .boolean()
    .default(false)
    .describe(
      "true: what is started puts itself into the background (a daemon); it has ended when none of its processes is left",
    ),
  user: z
    .string()
    .min(1)
    .optional()
    .describe("User of the worker's machine that it runs as, by name or number; needs a worker that runs as root"),
  exitCodes: exitCodes.default(() => exitCodes.parse({})).describe("What its exit codes (and signals) mean"),
  complete: complete.default(() => complete.parse({})).describe("What must hold besides the exit code"),
  progress: progress.optional().describe("How far it is"),
  outputs: z.array(output).default([]).describe("Files that become artifacts when it has succeeded"),
  result: result.optional().describe("The job's output; default: exit code and names of the artifacts"),
  limits: limits.default({}).describe("What an attempt may use"),
  effects: z.enum(["none", "outside"]).default("none").describe("outside: it changes things that others see"),
  maxRetries: z.int().min(0).default(3).describe("How often it may fail by itself"),
  backoff: backoff.default(() => backoff.parse({})).describe("Pause before a retry"),
  here: z
    .string()
    .optional()
    .describe("Folder that `${here}` and relative paths mean; default: that of the programs file"),
});

/** As it is used: defaults filled in. */
export type ProgramDefinition = z.output<typeof programSchema>;
export type CommandLine = ProgramDefinition["start"];

/** What a command line executes: its first part, which is text. */
export function executableOf([first]: CommandLine): string {
  return typeof first === "string" ? first : "";
}
export type CheckpointContract = NonNullable<ProgramDefinition["checkpoint"]>;

/** Does the definition give a code of its own to an exit with a checkpoint? */
export function tellsByExit({ exitCodes: { checkpointed } }: Pick<ProgramDefinition, "exitCodes">): boolean {
  return checkpointed.some((code) => !CHECKPOINTED.includes(Number(code)));
}

/** Does `complete` ask for anything besides the exit code? */
export function asksForMore({ files, text, command }: ProgramDefinition["complete"]): boolean {
  return files.length + text.length > 0 || command !== undefined;
}

/**
 * Is whatever its files are at any moment a checkpoint of the program? It says so, or all of them only grow and nothing
 * else tells.
 */
export function isAlwaysComplete(definition: ProgramDefinition): boolean {
  const { checkpoint } = definition;
  if (checkpoint === undefined) return false;
  const { always, closed, text, file, lastLine: last } = checkpoint.written;
  if (always) return true;
  const isTold = closed || [text, file, last, checkpoint.trigger].some(isGiven) || tellsByExit(definition);
  return !isTold && onlyGrows(checkpoint);
}

/** Is each of its patterns one of files that only grow? */
export function onlyGrows({ files, appended, lines }: GrowingFiles): boolean {
  return files.every((pattern) => appended.includes(pattern) || lines.includes(pattern));
}

interface GrowingFiles {
  readonly files: readonly string[];
  readonly appended: readonly string[];
  readonly lines: readonly string[];
}

interface Askable extends GrowingFiles {
  readonly trigger?: unknown;
  readonly stop?: unknown;
  readonly written: { readonly always: boolean };
}

function isAskedOrTaken(checkpoint: Askable): boolean {
  return isGiven(checkpoint.trigger) || isGiven(checkpoint.stop) || checkpoint.written.always || onlyGrows(checkpoint);
}

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

function isInside(path: string): boolean {
  return (
    !path.startsWith("/") && !path.includes("\0") && path.split("/").every((part) => !["", ".", ".."].includes(part))
  );
}
