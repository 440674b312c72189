/**
 * Asks a running program for a checkpoint, in the way that its contract names.
 *
 * AK1 A signal is sent only to who handles it: sent too early, before the program has set up its handler, it would end
 *     the program. Until somebody handles it the asking waits.
 * AK2 The file that asks is never part of the checkpoint, and is gone when the program starts again.
 * AK3 A command that asks and fails is told at once, and one that hangs is ended with the asking.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { lchownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import type { Trigger } from "../../src/tasks/program/definition.ts";
import { expand, expandCommand } from "../../src/tasks/program/expand.ts";
import type { ProgramUser } from "../../src/tasks/program/program-user.ts";
import type { ProcessRun } from "./process-run.ts";
import { type ProcessTree, send } from "./process-tree.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { nameOf, type Resolved } from "./resolve.ts";

/** A program that has been asked for so long, and ends without an answer, is spoken of. */
const UNANSWERED_MS = 2_000;

export interface AskOptions {
  readonly clock: Clock;
  readonly resolved: Resolved;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly tree: ProcessTree;
  /** Whom the program runs as; null: as this process. */
  readonly user: ProgramUser | null;
}

export class Ask {
  readonly trigger: Trigger;
  readonly #options: AskOptions;
  readonly #beganMs: number;
  #sent = false;
  #command: ChildProcess | null = null;
  #fault: string | null = null;

  constructor(trigger: Trigger, options: AskOptions) {
    this.trigger = trigger;
    this.#options = options;
    this.#beganMs = options.clock.monotonicMs();
  }

  /** For the log. */
  get name(): string {
    return nameOf(this.trigger);
  }

  get isSent(): boolean {
    return this.#sent;
  }

  /** Why it could not be asked (AK3); null: it could, as far as is known. */
  get fault(): string | null {
    return this.#fault;
  }

  /** What to say of a program that has ended without an answer; null: it had no time for one. */
  unanswered(): string | null {
    const forMs = this.#options.clock.monotonicMs() - this.#beganMs;
    if (forMs < UNANSWERED_MS) return null;
    const seconds = Math.round(forMs / 1000);
    if (this.#sent) return `asked by ${this.name} the program made no checkpoint in the ${seconds} s until its end`;
    return (
      `the program was to be asked by ${this.name} for ${seconds} s, until its end, and no process of it handles that: ` +
      "it is not sent to one that it would end"
    );
  }

  /** Tries to ask; called again until it is sent (AK1). @throws NotExpandable */
  send(run: ProcessRun): "sent" | "not_yet" {
    if (!this.#sent && run.pid !== null) this.#send(run, run.pid);
    return this.#sent ? "sent" : "not_yet";
  }

  /** Takes the file away again (AK2), and ends the command (AK3). */
  withdraw(): void {
    if (this.#command?.exitCode === null && this.#command.signalCode === null) this.#command.kill("SIGKILL");
    if (this.trigger.file !== undefined) rmSync(join(this.#options.folder, this.trigger.file), { force: true });
  }

  #send(run: ProcessRun, root: number): void {
    const { signal, file, command, stdin, content } = this.trigger;
    const { resolved, folder, environment, tree, user } = this.#options;
    const tops = tree.topOf(root);
    const [pid = root] = tops;
    const scope = { ...resolved.scope, words: { ...resolved.scope.words, pid: String(pid) } };
    if (signal !== undefined) {
      const name = signal as NodeJS.Signals;
      const handlers = tops.flatMap((top) => tree.handlersOf(top, constants.signals[name]));
      for (const handler of handlers) send(handler, name);
      this.#sent = handlers.length > 0;
      return;
    }
    this.#sent = true;
    if (file !== undefined) {
      const path = join(folder, file);
      const made = mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, expand(content, scope, "trigger.content"));
      for (const own of user === null ? [] : [path, made ?? path]) lchownSync(own, user?.uid ?? 0, user?.gid ?? 0);
    } else if (command !== undefined) {
      const [executable = "", ...args] = expandCommand(command, scope, "trigger.command", resolved.definition.dashes);
      this.#command = spawn(executable, args, {
        cwd: folder,
        env: environment,
        stdio: ["ignore", "inherit", "inherit"],
        ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
      });
      this.#command.once("error", (error) => (this.#fault = `${this.name} could not be run: ${error.message}`));
      this.#command.once("exit", (code, signalName) => {
        if (code !== 0) this.#fault = `${this.name} ended with ${signalName ?? `code ${code}`}`;
      });
    } else if (stdin !== undefined) {
      run.write(expand(stdin, scope, "trigger.stdin"));
    }
  }
}
