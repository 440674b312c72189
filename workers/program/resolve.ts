/** A definition with the values of one job put in: what the driver works with. */
import { createHash } from "node:crypto";
import {
  type CheckpointContract,
  executableOf,
  isAlwaysComplete,
  type ProgramDefinition,
  type Trigger,
} from "../../src/tasks/program/definition.ts";
import { expand, expandCommand, NotExpandable, type Scope, type StartKind } from "../../src/tasks/program/expand.ts";
import type { CheckpointPatterns } from "./checkpoint-files.ts";
import type { ReadySign } from "./readiness.ts";
import type { Written } from "./completeness.ts";
import { literalPattern, newest } from "./folder-look.ts";

export interface ProgressPattern {
  readonly text: RegExp;
  readonly in: string;
  readonly total: number | null;
  readonly unit: string;
}

export interface TextCondition {
  readonly in: string;
  readonly matches: RegExp;
}

export interface Resolved {
  readonly definition: ProgramDefinition;
  readonly scope: Scope;
  readonly patterns: CheckpointPatterns | null;
  readonly written: Written;
  /** Null: it can be asked from its start. */
  readonly ready: ReadySign | null;
  readonly progress: ProgressPattern | null;
  readonly completeFiles: readonly string[];
  readonly completeText: readonly TextCondition[];
  readonly resultText: RegExp | null;
}

export interface JobFacts {
  readonly job: string;
  readonly attempt: number;
  readonly fence: string;
  readonly folder: string;
  /** How the attempt begins. */
  readonly startKind: StartKind;
}

/** @throws NotExpandable when something that is needed is not in the input */
export function resolveProgram(definition: ProgramDefinition, input: unknown, facts: JobFacts): Resolved {
  const untold: Scope = {
    input,
    words: {
      job: facts.job,
      attempt: String(facts.attempt),
      fence: facts.fence,
      seed: String(seedOf(facts.job)),
      folder: facts.folder,
      ...(definition.here === undefined ? {} : { here: definition.here }),
    },
    newest: (glob) => newest(facts.folder, glob),
    startKind: facts.startKind,
    total: null,
  };
  const scope: Scope = { ...untold, total: totalOf(definition.progress?.total, untold) };
  const globs = (list: readonly string[], where: string): string[] =>
    list.map((glob, at) => expand(glob, scope, `${where}[${at}]`, literalPattern));
  const pattern = (text: string, where: string): RegExp => new RegExp(expand(text, scope, where, literalText), "m");
  const { checkpoint, progress, complete, result } = definition;
  const written = checkpoint?.written;
  const readySignOf = ({ text, file }: NonNullable<CheckpointContract["ready"]>): ReadySign => ({
    text: text === undefined ? null : pattern(text, "checkpoint.ready.text"),
    file: file === undefined ? null : (globs([file], "checkpoint.ready.file")[0] ?? null),
  });
  return {
    definition,
    scope,
    patterns:
      checkpoint === undefined
        ? null
        : {
            files: globs(checkpoint.files, "checkpoint.files"),
            optional: globs(checkpoint.optional, "checkpoint.optional"),
            exclude: [
              ...globs(checkpoint.exclude, "checkpoint.exclude"),
              ...[checkpoint.trigger?.file, checkpoint.stop?.file].flatMap((file) => file ?? []).map(literalPattern),
            ],
            replaced: globs(checkpoint.replaced, "checkpoint.replaced"),
            appended: [
              ...globs(checkpoint.appended, "checkpoint.appended"),
              ...globs(checkpoint.lines, "checkpoint.lines"),
              ...(definition.stdout === undefined ? [] : [literalPattern(definition.stdout)]),
            ],
            lines: globs(checkpoint.lines, "checkpoint.lines"),
            marker: written?.file === undefined ? null : (globs([written.file], "checkpoint.written.file")[0] ?? null),
            ending:
              written?.lastLine === undefined
                ? null
                : (globs([written.lastLine.in ?? "**"], "checkpoint.written.lastLine.in")[0] ?? null),
          },
    written: {
      settleMs: written?.settleMs ?? "auto",
      closed: written?.closed ?? false,
      text: written?.text === undefined ? null : pattern(written.text, "checkpoint.written.text"),
      lastLine:
        written?.lastLine === undefined
          ? null
          : pattern(written.lastLine.matches, "checkpoint.written.lastLine.matches"),
      by: waysOf(definition),
    },
    ready: checkpoint?.ready === undefined ? null : readySignOf(checkpoint.ready),
    progress:
      progress === undefined
        ? null
        : {
            text: pattern(progress.text, "progress.text"),
            in: progress.in,
            total: scope.total,
            unit: progress.unit,
          },
    completeFiles: globs(complete.files, "complete.files"),
    completeText: complete.text.map(({ in: place, matches }, at) => ({
      in: expand(place, scope, `complete.text[${at}].in`),
      matches: pattern(matches, `complete.text[${at}].matches`),
    })),
    resultText: result?.text === undefined ? null : pattern(result.text, "result.text"),
  };
}

/** The command line of a start. */
export function commandOf(resolved: Resolved, from: StartKind): readonly string[] {
  const { definition } = resolved;
  const command = from === "resume" ? (definition.resume ?? definition.start) : definition.start;
  return expandCommand(command, scopeOf(resolved, from), from, definition.dashes);
}

/** What templates stand for at a start of this kind. */
export function scopeOf({ scope }: Resolved, startKind: StartKind): Scope {
  return { ...scope, startKind };
}

/** How a trigger is told in a log. */
export function nameOf({ signal, file, command, stdin }: Trigger): string {
  if (signal !== undefined) return signal;
  if (file !== undefined) return `the file ${file}`;
  if (command !== undefined) return `the command ${executableOf(command)}`;
  return `${JSON.stringify(stdin)} on its standard input`;
}

function waysOf(definition: ProgramDefinition): Written["by"] {
  if (isAlwaysComplete(definition)) return "always";
  const { text, file, lastLine } = definition.checkpoint?.written ?? {};
  if (text !== undefined) return "text";
  if (file !== undefined) return "file";
  return lastLine === undefined ? "rest" : "last_line";
}

function totalOf(total: string | number | undefined, scope: Scope): number | null {
  if (total === undefined) return null;
  const value = Number(typeof total === "number" ? total : expand(total, scope, "progress.total"));
  if (!Number.isFinite(value)) throw new NotExpandable(`progress.total: "${total}" is no number`);
  return value;
}

function seedOf(job: string): number {
  return createHash("sha256").update(`seed:${job}`).digest().readUInt32BE(0) >>> 1;
}

function literalText(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
