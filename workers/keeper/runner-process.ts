/**
 * The runner as its keeper sees it: a process group that is started, told, watched and ended.
 *
 * RU1 The runner leads a group of its own, and it is the group that is ended: what the task started goes with it.
 * RU2 It runs at the nice value of batch work, by default the lowest priority. `nice` sets it before Node starts, because on Linux a priority belongs to a
 *     thread, and threads take over that of the one which started them; its session is lowered besides
 *     (`background-priority.ts`). The runner of a program lowers the program alone: it has to look after it in time.
 * RU3 It inherits the environment that the keeper was started with, which the agent has cleaned: no settings, no
 *     credentials. What the keeper's store puts there later is none of its business.
 * RU4 What left the group (`setsid`) is found by the mark in its environment, or in the control group where there is
 *     one, and ended too.
 */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { family } from "../../src/launch/process-identity.mjs";
import type { Clock } from "../../src/runtime/clock.ts";
import { inheritedEnvironment } from "../../src/runtime/config.ts";
import { withoutThreads } from "./thread-pool.ts";
import type { FromRunner, ToRunner } from "../runner/protocol.ts";
import { lowerSession } from "./background-priority.ts";
import { ControlGroup } from "./control-group.ts";
import { lastOutput } from "./last-output.ts";
import type { Assignment } from "./protocol.ts";

/** Time a runner has to clean up when it is told to end, ms. */
const CLEAN_UP_MS = 300;
/** After SIGKILL only the kernel can keep a process; it is not waited for longer than this, ms. */
const KILLED_MS = 5_000;

const STRAY_LOOKS = 20;
const STRAY_PAUSE_MS = 25;
/** The variable with the marks of all that this process came of (`src/launch/guard.mjs`). */
const MARK = "CAIRN_RUN";
/** RU3: taken when this is loaded, before a store is opened. */
const ENVIRONMENT = withoutThreads(inheritedEnvironment());
const ENTRIES = { steps: "../runner/main.js", program: "../program/main.js" } as const;

export interface RunnerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunnerProcessOptions {
  readonly clock: Clock;
  readonly assignment: Pick<Assignment, "runs" | "nice" | "job" | "attempt" | "fence">;
  /** Working directory of the task. */
  readonly folder: string;
  readonly onMessage: (message: FromRunner) => void;
  readonly onOutput: (bytes: Buffer) => void;
}

export class RunnerProcess {
  readonly pid: number;
  /** Carried by every process of the attempt (RU4). */
  readonly mark: string;
  /** Resolves when the process has ended and all that it said was taken. */
  readonly ended: Promise<RunnerExit>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #cgroup: ControlGroup | null;
  #frozenMs: number | null = null;

  /** @throws Error when the process cannot be started */
  constructor(options: RunnerProcessOptions) {
    const { folder, assignment } = options;
    const { runs, nice, job, attempt, fence } = assignment;
    this.#clock = options.clock;
    this.mark = `${job}-${attempt}-${fence.token.slice(0, 8)}`;
    this.#cgroup = runs === "program" ? ControlGroup.create(this.mark) : null;
    const marks = [ENVIRONMENT[MARK], this.mark].filter((word) => word !== undefined && word !== "");
    this.#child = fork(fileURLToPath(new URL(ENTRIES[runs], import.meta.url)), [String(process.pid)], {
      cwd: folder,
      env: { ...ENVIRONMENT, [MARK]: marks.join(",") },
      detached: true, // RU1
      ...(runs === "steps" ? { execPath: "nice", execArgv: ["-n", String(nice), process.execPath] } : {}), // RU2
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.ended = this.#watch();
    if (this.#child.pid === undefined) throw new Error("the runner could not be started: is there a program `nice`?");
    this.pid = this.#child.pid;
    if (runs === "steps") void lowerSession(this.pid, nice, this.#clock); // RU2
    this.#cgroup?.add(this.pid); // Before it is told anything, so before it starts anything.
    this.#child.on("message", (message) => options.onMessage(message as FromRunner));
    this.#child.stdout?.on("data", options.onOutput);
    this.#child.stderr?.on("data", options.onOutput);
  }

  /** Folder of its control group (RU4); null: it has none. */
  get cgroup(): string | null {
    return this.#cgroup?.path ?? null;
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

  /** Ends the group at once (RU1), and what left it (RU4). Resolves when the runner is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    this.#cgroup?.kill();
    await Promise.race([this.ended, this.#clock.sleep(KILLED_MS)]);
    await this.#killStrays();
    this.#cgroup?.remove();
  }

  /** More than once, for what is being started at this moment. */
  async #killStrays(): Promise<void> {
    for (let look = 0; look < STRAY_LOOKS; look += 1) {
      if (this.#signalMarked("SIGKILL") === 0) return;
      await this.#clock.sleep(STRAY_PAUSE_MS);
    }
  }

  /** To everything that carries the mark (RU4): a program, too, stands in a session of its own. @returns how many */
  #signalMarked(signal: NodeJS.Signals): number {
    const marked = family([], { variable: MARK, word: this.mark });
    for (const { pid } of marked) signalProcess(pid, signal);
    return marked.length;
  }

  /** Stops the group where it stands. Repeating it changes nothing. */
  freeze(): void {
    this.signal("SIGSTOP");
    if (this.#frozenMs === null) this.#signalMarked("SIGSTOP");
    this.#frozenMs ??= this.#clock.monotonicMs();
  }

  /** Lets a frozen group go on. @returns how long it stood, ms */
  thaw(): number {
    const stoodMs = this.#frozenMs === null ? 0 : this.#clock.monotonicMs() - this.#frozenMs;
    this.#frozenMs = null;
    this.#signalMarked("SIGCONT");
    this.signal("SIGCONT");
    return stoodMs;
  }

  get isFrozen(): boolean {
    return this.#frozenMs !== null;
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
    return new Promise((resolve) => {
      // Not started (then there is neither `exit` nor `close`), or a message that did not go through.
      child.on("error", () => {
        if (child.pid === undefined) resolve({ code: null, signal: null });
      });
      child.once("exit", (code, signal) => {
        void lastOutput(child, this.#clock).then(() => resolve({ code, signal }));
      });
    });
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone, or not ours to signal.
  }
}
