/** Starts the local supervisor as a process of its own, in a process group of its own, with stand-ins for children. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { family, identify, isRunning } from "../../../src/launch/process-identity.mjs";
import type { ProcessIdentity } from "../../../src/launch/process-identity.mjs";
import { eventually } from "../eventually.ts";

const MAIN = fileURLToPath(new URL("local-system-main.mjs", import.meta.url));
const STAND_IN = fileURLToPath(new URL("stand-in.mjs", import.meta.url));

export interface StandInEvent {
  readonly name: string;
  readonly pid: number;
  readonly event: "started" | "SIGTERM";
  readonly runner?: number;
  readonly redis?: string;
}

export interface LocalSystemOptions {
  readonly dataDir: string;
  readonly port?: number;
  readonly drain?: "at_once" | "when_told_twice";
  /** What the workers are started with; the stand-in by default. */
  readonly worker?: readonly string[];
  /** Puts a shell between, which is then the parent that npm would be. */
  readonly underNpm?: boolean;
}

export class LocalSystem {
  readonly #child: ChildProcess;
  readonly #eventFile: string;
  readonly #seen = new Map<number, ProcessIdentity>();
  out = "";
  err = "";

  constructor(options: LocalSystemOptions) {
    const { dataDir, port = 0, drain = "at_once", worker = [STAND_IN, "worker"], underNpm = false } = options;
    this.#eventFile = join(dataDir, "events");
    const settings = JSON.stringify({ dataDir, port, api: [STAND_IN, "api"], worker });
    const env: NodeJS.ProcessEnv = { ...process.env, STAND_IN_EVENTS: this.#eventFile, STAND_IN_DRAIN: drain };
    // These tests themselves may run under npm.
    Reflect.deleteProperty(env, "npm_lifecycle_event");
    if (underNpm) env["npm_lifecycle_event"] = "start";
    const line = [process.execPath, MAIN, settings];
    const [command = "", ...args] = underNpm ? ["/bin/sh", "-c", '"$@"; :', "sh", ...line] : line;
    this.#child = spawn(command, args, { detached: true, env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.on("data", (chunk: Buffer) => (this.out += chunk.toString()));
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.err += chunk.toString()));
  }

  /** Of the process that was typed: of the shell, `underNpm`. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("The local system was not started.");
    return this.#child.pid;
  }

  async untilUp(): Promise<void> {
    await eventually(
      "the local system is up",
      () => {
        if (this.#child.exitCode !== null) throw new Error(`It ended:\n${this.err}`);
        return this.out.includes("Ctrl-C stops it");
      },
      { withinMs: 90_000 },
    );
    this.remember();
  }

  /** The exit code, or the signal that ended it. */
  async exit(): Promise<number | string> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
    return this.#child.exitCode ?? this.#child.signalCode ?? "";
  }

  get url(): string {
    return /API {6}(\S+)/.exec(this.out)?.[1] ?? "";
  }

  get redisUrl(): string {
    return /Redis {4}(\S+)/.exec(this.out)?.[1] ?? "";
  }

  /** The guard's pid, as the lock of the data folder tells it. */
  get guardPid(): number {
    const folder = join(dirname(this.#eventFile), "run/lock");
    const newest = Math.max(...readdirSync(folder).map(Number).filter(Number.isInteger));
    const file = JSON.parse(readFileSync(join(folder, String(newest)), "utf8")) as { note: { guard: string } };
    return Number(file.note.guard);
  }

  events(): StandInEvent[] {
    return readFileSync(this.#eventFile, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as StandInEvent);
  }

  /** Everything that runs because of it, at this moment: what is asked for later in `left`. */
  remember(): readonly ProcessIdentity[] {
    const self = identify(this.pid);
    const roots = this.events().flatMap(({ pid, runner }) =>
      [identify(pid) ?? [], identify(runner ?? pid) ?? []].flat(),
    );
    const found = family(self === null ? roots : [self, ...roots]);
    for (const identity of found) this.#seen.set(identity.pid, identity);
    return found;
  }

  /** What still runs of all that was ever seen. */
  left(): readonly ProcessIdentity[] {
    return [...this.#seen.values()].filter(isRunning);
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** Ends it, whatever the state it is in. */
  async dispose(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.signalGroup("SIGKILL");
    await this.exit();
    await eventually("the guard has ended everything", () => this.left().length === 0);
  }
}
