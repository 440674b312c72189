/**
 * The runner as its keeper sees it: a process group that is started, told, watched and ended.
 *
 * RU1 The runner leads a group of its own, and it is the group that is ended: what the task started goes with it.
 * RU2 It runs at the lowest priority. `nice` sets it before Node starts, because on Linux a priority belongs to a
 *     thread, and threads take over that of the one which started them; its session is lowered besides
 *     (`background-priority.ts`).
 * RU3 It inherits the keeper's environment, which the agent has cleaned: no settings, no credentials.
 */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../src/runtime/clock.ts";
import type { FromRunner, ToRunner } from "../runner/protocol.ts";
import { lowerSession } from "./background-priority.ts";

/** How long the rest of what the runner printed is waited for after its end, ms. */
const LAST_OUTPUT_MS = 500;
/** Time a runner has to clean up when it is told to end, ms. */
const CLEAN_UP_MS = 300;
/** After SIGKILL only the kernel can keep a process; it is not waited for longer than this, ms. */
const KILLED_MS = 5_000;

export interface RunnerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunnerProcessOptions {
  readonly clock: Clock;
  /** Working directory of the task. */
  readonly folder: string;
  readonly onMessage: (message: FromRunner) => void;
  readonly onOutput: (bytes: Buffer) => void;
}

export class RunnerProcess {
  readonly pid: number;
  /** Resolves when the process has ended and all that it said was taken. */
  readonly ended: Promise<RunnerExit>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;

  /** @throws Error when the process cannot be started */
  constructor(options: RunnerProcessOptions) {
    this.#clock = options.clock;
    this.#child = fork(fileURLToPath(new URL("../runner/main.js", import.meta.url)), [String(process.pid)], {
      cwd: options.folder,
      detached: true, // RU1
      execPath: "nice", // RU2
      execArgv: ["-n", "19", process.execPath],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.ended = this.#watch();
    if (this.#child.pid === undefined) throw new Error("the runner could not be started: is there a program `nice`?");
    this.pid = this.#child.pid;
    void lowerSession(this.pid, this.#clock); // RU2
    this.#child.on("message", (message) => options.onMessage(message as FromRunner));
    this.#child.stdout?.on("data", options.onOutput);
    this.#child.stderr?.on("data", options.onOutput);
  }

  tell(message: ToRunner): void {
    if (this.#child.connected) this.#child.send(message, () => undefined); // That it is gone is seen by `ended`.
  }

  /** Lets the task clean up for a moment, then ends the group. */
  async end(): Promise<void> {
    this.tell({ kind: "end" });
    await Promise.race([this.ended, this.#clock.sleep(CLEAN_UP_MS)]);
    await this.kill();
  }

  /** Ends the group at once (RU1). Resolves when the runner is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await Promise.race([this.ended, this.#clock.sleep(KILLED_MS)]);
  }

  /** To the whole group, which may be gone already. */
  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // Gone.
    }
  }

  #watch(): Promise<RunnerExit> {
    const child = this.#child;
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    return new Promise((resolve) => {
      // Not started (then there is neither `exit` nor `close`), or a message that did not go through.
      child.on("error", () => {
        if (child.pid === undefined) resolve({ code: null, signal: null });
      });
      child.once("exit", (code, signal) => {
        // `close` waits for whoever holds the pipes, also for what the task has started and left behind.
        void Promise.race([closed, this.#clock.sleep(LAST_OUTPUT_MS)]).then(() => resolve({ code, signal }));
      });
    });
  }
}
