/**
 * The output of a child: all of it in a file, warnings and errors on the terminal too.
 *
 * G1 The child writes into the file itself and not through a pipe of ours: it outlives us by some seconds when we
 *    are killed, and must not die of a broken pipe while it hands over its work.
 * G2 What is no log line (a stack trace of Node, an assertion of a library) is always shown.
 * G3 A child that shouts does not drown the others: at most MOST_LINES a round.
 * G4 A log is bounded: at ROTATE_BYTES it is put aside, and the one put aside before is gone.
 */
import { closeSync, copyFileSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { isatty } from "node:tty";
import picocolors from "picocolors";

/** Shown on standard error. By itself the library colours pipes too, where `CI` is set. */
const pc = picocolors.createColors(isatty(2) && picocolors.isColorSupported);

const ROUND_MS = 200;
const MOST_LINES = 12;
const CHUNK_BYTES = 64 * 1024;
const ROTATE_BYTES = 10 * 1024 * 1024;
/** As pino numbers them. */
const LEVELS = { warn: 40, error: 50, fatal: 60 } as const;
/** Fields that are said otherwise, or that say nothing at a terminal. */
const HIDDEN = new Set(["level", "severity", "time", "msg", "err", "pid", "process", "hostname", "stack"]);

export interface ChildLog {
  /** For the child's `stdio`. Valid until `close`. */
  readonly fd: number;
  readonly path: string;
  /** Shows what has been written since, then closes the file. */
  close(): void;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** One line of a log as it is shown, or null if it is not shown. `name` is the child's. */
export function readableLine(name: string, line: string): string | null {
  if (line.trim() === "") return null;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return `${pc.dim(name)} ${line}`; // G2
  }
  if (typeof entry !== "object" || entry === null || !("level" in entry)) return `${pc.dim(name)} ${line}`;
  const level = Number(entry.level);
  if (level < LEVELS.warn) return null;
  const fields: Readonly<Record<string, unknown>> = { ...entry };
  const word = level >= LEVELS.fatal ? pc.red("FATAL") : level >= LEVELS.error ? pc.red("ERROR") : pc.yellow("WARN");
  const time = typeof fields["time"] === "string" ? fields["time"].slice(11, 19) : "";
  const rest = Object.entries(fields)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => `${key}=${text(value)}`)
    .join(" ");
  const error = fields["err"];
  const cause = typeof error === "object" && error !== null && "message" in error ? `: ${text(error.message)}` : "";
  return `${pc.dim(`${time} ${name}`)} ${word} ${text(fields["msg"] ?? "")}${cause} ${pc.dim(rest)}`.trimEnd();
}

/**
 * Opens the log of a child, and shows from now on what is worth showing.
 *
 * @param options.name how the child is called at the terminal
 */
export function openChildLog(options: {
  readonly path: string;
  readonly name: string;
  readonly show: (line: string) => void;
}): ChildLog {
  const { path, name, show } = options;
  mkdirSync(dirname(path), { recursive: true });
  // For appending: after a truncation the child goes on at the new end.
  const fd = openSync(path, "a+");
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let position = fstatSync(fd).size;
  let unfinished = "";
  const round = (): void => {
    const lines: string[] = [];
    for (;;) {
      const bytes = readSync(fd, buffer, 0, CHUNK_BYTES, position);
      if (bytes === 0) break;
      position += bytes;
      const parts = (unfinished + buffer.toString("utf8", 0, bytes)).split("\n");
      unfinished = parts.pop() ?? "";
      for (const part of parts) {
        const readable = readableLine(name, part);
        if (readable !== null) lines.push(readable);
      }
    }
    for (const line of lines.slice(0, MOST_LINES)) show(line);
    if (lines.length > MOST_LINES) show(pc.dim(`${name} … and ${lines.length - MOST_LINES} more lines in ${path}`)); // G3
    if (position < ROTATE_BYTES) return;
    copyFileSync(path, `${path}.old`); // G4
    ftruncateSync(fd, 0);
    position = 0;
  };
  const timer = setInterval(round, ROUND_MS);
  timer.unref();
  return {
    fd,
    path,
    close: () => {
      clearInterval(timer);
      round();
      closeSync(fd);
    },
  };
}
