/**
 * One run of a program: started without a shell, its output passed on and read by lines, until it ends.
 *
 * PR1 Its standard output and error go into the job's log as they come; a program that prints faster than the log is
 *     taken waits, as it would at a full pipe.
 * PR2 The program gets the variables that its definition lets it see, and no others.
 * PR3 It leads a session of its own: signals that it sends to its group do not reach us, and its session steps back
 *     behind online work where Linux shares the processor by session.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, fchownSync, openSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { StringDecoder } from "node:string_decoder";
import { systemClock } from "../../src/runtime/clock.ts";
import { NotRetryable } from "../../src/tasks/outcome.ts";
import type { ProgramUser } from "../../src/tasks/program/program-user.ts";
import { lowerSession } from "../keeper/background-priority.ts";
import { lastOutput } from "../keeper/last-output.ts";

/** A line that is longer is cut: patterns are not tried on megabytes. */
const LINE_BYTES = 16_384;
/** Turns of the event loop, each of which looks at all that can be read, in which nothing came. */
const QUIET_TURNS = 3;
const DRAIN_MS = 1_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessRunOptions {
  readonly command: readonly string[];
  /** Nice value of its session, 0 to 19. */
  readonly nice: number;
  readonly folder: string;
  /** Whom it runs as; null: as this process. */
  readonly user: ProgramUser | null;
  readonly environment: Readonly<Record<string, string>>;
  /** Its standard input: a file, nothing, or what `write` is given. */
  readonly stdin: { readonly file: string } | "nothing" | "written";
  /** File to which standard output is appended, besides the log; null: none. */
  readonly stdout: string | null;
  readonly onLine: (line: string) => void;
  /** Of standard output, what was read at once. */
  readonly onPiece?: (bytes: Uint8Array) => void;
  /** Resolves when what it left in the background has ended too; null: it leaves nothing there. */
  readonly background?: (() => Promise<void>) | null;
}

export class ProcessRun {
  readonly pid: number | null;
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess;
  /** So often something was read of its output. */
  #reads = 0;
  /** Open as long as it runs: who inherited its output may write on when these are another's. */
  readonly #files = new Set<number>();

  constructor(options: ProcessRunOptions) {
    const { command, folder, user, environment, stdin, stdout, onLine } = options;
    const [file = "", ...args] = command;
    const input = stdin === "nothing" ? "ignore" : stdin === "written" ? "pipe" : this.#openInput(stdin.file);
    const copy = stdout === null ? null : this.#open(stdout, "a");
    if (copy !== null && user !== null) fchownSync(copy, user.uid, user.gid);
    this.#child = spawn(file, args, {
      cwd: folder,
      env: environment,
      detached: true, // PR3
      ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
      stdio: [input, "pipe", "pipe"],
    });
    this.pid = this.#child.pid ?? null;
    if (this.pid !== null) void lowerSession(this.pid, options.nice, systemClock); // PR3
    this.#pass(this.#child.stdout, process.stdout, copy, onLine);
    this.#pass(this.#child.stderr, process.stderr, null, onLine);
    if (options.onPiece !== undefined) this.#child.stdout?.on("data", options.onPiece);
    this.#child.stdin?.on("error", () => undefined); // It has closed it, or ended.
    this.ended = this.#watch(options.background ?? null);
  }

  /** Writes to its standard input. */
  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Resolves when all that a paused program has printed is read; where the log is not taken, after a second. */
  async drained(): Promise<void> {
    const giveUpMs = systemClock.monotonicMs() + DRAIN_MS;
    const { stdout, stderr } = this.#child;
    for (let quiet = 0; quiet < QUIET_TURNS && systemClock.monotonicMs() < giveUpMs;) {
      const before = this.#reads;
      await turn();
      const isHeldUp = stdout?.isPaused() === true || stderr?.isPaused() === true;
      if (isHeldUp) await systemClock.sleep(1);
      quiet = isHeldUp || this.#reads !== before ? 0 : quiet + 1;
    }
  }

  #open(path: string, flags: "r" | "a"): number {
    const file = openSync(path, flags);
    this.#files.add(file);
    return file;
  }

  #openInput(path: string): number {
    try {
      return this.#open(path, "r");
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new NotRetryable(
        `stdin: ${basename(path)} cannot be read (${message}); say in \`files\` where it comes from`,
        { cause: error },
      );
    }
  }

  #pass(
    from: NodeJS.ReadableStream | null,
    to: NodeJS.WriteStream,
    copy: number | null,
    onLine: (line: string) => void,
  ): void {
    let rest = "";
    const decoder = new StringDecoder("utf8");
    from?.on("data", (bytes: Buffer) => {
      this.#reads += 1;
      // PR1
      if (!to.write(bytes)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
      if (copy !== null && this.#files.has(copy)) writeWhole(copy, bytes);
      const text = rest + decoder.write(bytes);
      const lines = text.includes("\r") ? text.split(/\r\n|\n|\r/) : text.split("\n"); // Progress bars return only.
      rest = (lines.pop() ?? "").slice(-LINE_BYTES);
      for (const line of lines) onLine(line.slice(0, LINE_BYTES));
    });
    from?.on("end", () => {
      if (rest !== "") onLine(rest);
    });
  }

  #watch(background: (() => Promise<void>) | null): Promise<Exit> {
    const child = this.#child;
    const exited = new Promise<Exit>((resolve) => {
      child.once("error", () => {
        if (child.pid === undefined) resolve({ code: 127, signal: null });
      });
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    return exited.then(async (exit) => {
      await background?.();
      await lastOutput(child, systemClock);
      for (const file of this.#files) closeSync(file);
      this.#files.clear();
      return exit;
    });
  }
}

function writeWhole(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}
