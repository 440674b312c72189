/**
 * One place among the children of the supervisor: a process stands in it, and another one when that has ended.
 *
 * U1 A place is never empty for long: what ends unasked is replaced, at first almost at once, later after a pause
 *    that doubles as long as the replacements do not live either.
 * U2 A child is in a process group of its own: a Ctrl-C reaches it through us, in order, and not from the terminal.
 * U3 Serving means that the child said so, `{kind: "ready"}` over its IPC channel. One that says nothing in time is
 *    killed and replaced.
 * U4 The guard knows of a child from the moment it has a pid.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { openChildLog } from "./child-log.ts";
import { waitForExit } from "./end-process.ts";
import type { Guard } from "./guarded.mjs";

const PAUSE = { firstMs: 200, factor: 2, mostMs: 15_000 } as const;
/** A child that lived this long after it was ready is no part of a crash loop, ms. */
const SOUND_MS = 10_000;
const READY_MS = 60_000;

export interface ChildSpec {
  /** How it is called at the terminal. */
  readonly name: string;
  /** Arguments of node: a script and what it gets. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** What a child said when it was ready. `url` is told by the API. */
export interface Ready {
  readonly name: string;
  readonly pid: number;
  readonly url: string | null;
}

export interface SupervisedChildOptions {
  /** The process to stand here next. */
  readonly next: () => ChildSpec | Promise<ChildSpec>;
  readonly guard: Guard;
  /** Of all that ever stand here, one after the other. */
  readonly logPath: string;
  readonly show: (line: string) => void;
  readonly onReady: (ready: Ready) => void;
  /** A child ended that nobody had asked to. */
  readonly onLost: (lost: { readonly name: string; readonly how: string; readonly everReady: boolean }) => void;
}

function readyMessage(message: unknown): { readonly url: string | null } | null {
  if (typeof message !== "object" || message === null || !("kind" in message) || message.kind !== "ready") return null;
  return { url: "url" in message && typeof message.url === "string" ? message.url : null };
}

/** The pause before the replacement that follows `failures` children in a row that did not live, ms. */
export function pauseBefore(failures: number): number {
  return Math.min(PAUSE.firstMs * PAUSE.factor ** Math.max(failures - 1, 0), PAUSE.mostMs);
}

export class SupervisedChild {
  readonly #options: SupervisedChildOptions;
  readonly #stopping = new AbortController();
  #child: ChildProcess | null = null;
  #life: Promise<void> = Promise.resolve();

  constructor(options: SupervisedChildOptions) {
    this.#options = options;
  }

  /** Starts the first child; `onReady` tells when it serves. */
  start(): void {
    this.#life = this.#keep();
  }

  /** Sends a signal to the child that stands here now, and has no other put in its place. */
  signal(signal: NodeJS.Signals): void {
    this.#stopping.abort();
    this.#child?.kill(signal);
  }

  /** Resolves when no child stands here any more, after `signal`. */
  async ended(): Promise<void> {
    await this.#life;
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted;) {
      const soundMs = await this.#runOne(await this.#options.next());
      failures = soundMs >= SOUND_MS ? 1 : failures + 1;
      await delay(pauseBefore(failures), undefined, { signal }).catch(() => undefined); // U1
    }
  }

  /** Runs one child to its end. Returns how long it served, ms. */
  async #runOne(spec: ChildSpec): Promise<number> {
    const { guard, logPath, show, onReady, onLost } = this.#options;
    if (this.#isStopping()) return 0;
    const log = openChildLog({ path: logPath, name: spec.name, show });
    const child = spawn(process.execPath, spec.argv, {
      detached: true, // U2
      env: { ...spec.env, ...guard.mark },
      stdio: ["ignore", log.fd, log.fd, "ipc"],
    });
    const exited = waitForExit(child);
    const pid = child.pid;
    if (pid !== undefined) guard.watch(pid); // U4
    this.#child = child;
    const readyAt: number[] = [];
    const late = setTimeout(() => {
      show(`${spec.name} did not become ready in ${READY_MS / 1_000} s and is replaced.`);
      child.kill("SIGKILL"); // U3
    }, READY_MS);
    child.on("message", (message) => {
      const ready = readyMessage(message);
      if (ready === null || readyAt.length > 0 || pid === undefined) return;
      readyAt.push(performance.now());
      clearTimeout(late);
      onReady({ name: spec.name, pid, url: ready.url });
    });
    await exited;
    clearTimeout(late);
    this.#child = null;
    if (pid !== undefined) guard.forget(pid);
    log.close();
    const how = child.signalCode ?? (child.exitCode === null ? "it cannot be started" : `exit code ${child.exitCode}`);
    if (!this.#isStopping()) onLost({ name: spec.name, how, everReady: readyAt.length > 0 });
    const [at] = readyAt;
    return at === undefined ? 0 : performance.now() - at;
  }
}
