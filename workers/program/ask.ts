/**
 * Asks a running program for a checkpoint, in the way that its contract names.
 *
 * AK1 A signal is sent only to who handles it: sent too early, before the program has set up its handler, it would end
 *     the program. Until somebody handles it the asking waits.
 * AK2 The file that asks is never part of the checkpoint, and is gone when the program starts again.
 */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import type { Trigger } from "../../src/tasks/program/definition.ts";
import { expand, expandCommand } from "../../src/tasks/program/expand.ts";
import type { ProcessRun } from "./process-run.ts";
import { type ProcessTree, send } from "./process-tree.ts";
import { nameOf, type Resolved } from "./resolve.ts";

export interface AskOptions {
  readonly resolved: Resolved;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly tree: ProcessTree;
}

export class Ask {
  readonly trigger: Trigger;
  readonly #options: AskOptions;
  #sent = false;

  constructor(trigger: Trigger, options: AskOptions) {
    this.trigger = trigger;
    this.#options = options;
  }

  /** For the log. */
  get name(): string {
    return nameOf(this.trigger);
  }

  get isSent(): boolean {
    return this.#sent;
  }

  /** Tries to ask; called again until it is sent (AK1). @throws NotExpandable */
  send(run: ProcessRun): "sent" | "not_yet" {
    if (!this.#sent && run.pid !== null) this.#send(run, run.pid);
    return this.#sent ? "sent" : "not_yet";
  }

  /** Takes the file away again (AK2). */
  withdraw(): void {
    if (this.trigger.file !== undefined) rmSync(join(this.#options.folder, this.trigger.file), { force: true });
  }

  #send(run: ProcessRun, root: number): void {
    const { signal, file, command, stdin, content } = this.trigger;
    const { resolved, folder, environment, tree } = this.#options;
    const scope = { ...resolved.scope, words: { ...resolved.scope.words, pid: String(root) } };
    if (signal !== undefined) {
      const name = signal as NodeJS.Signals;
      const handlers = tree.handlersOf(root, constants.signals[name]);
      for (const pid of handlers) send(pid, name);
      this.#sent = handlers.length > 0;
      return;
    }
    this.#sent = true;
    if (file !== undefined) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), expand(content, scope, "trigger.content"));
    } else if (command !== undefined) {
      const [executable = "", ...args] = expandCommand(command, scope, "trigger.command", resolved.definition.dashes);
      const child = spawn(executable, args, { cwd: folder, env: environment, stdio: ["ignore", "inherit", "inherit"] });
      child.on("error", (error) => process.stderr.write(`[cairn] ${this.name}: ${error.message}\n`));
    } else if (stdin !== undefined) {
      run.write(expand(stdin, scope, "trigger.stdin"));
    }
  }
}
