/** The command line as users run it: a process, its standard streams, its exit code. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { batchNice } from "./batch-nice.ts";

export const CAIRN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface CairnOptions {
  /** `CAIRN_*` and what else it needs; nothing of the tests' own environment but PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Standard input. */
  readonly input?: string;
  /** With an IPC channel, as a supervisor has it. */
  readonly channel?: boolean;
}

export interface Running {
  readonly child: ChildProcess;
  /** What it has written so far. */
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<Ended>;
}

/** Starts `cairn …`. */
export function startCairn(args: readonly string[], options: CairnOptions = {}): Running {
  const child = spawn(process.execPath, [CAIRN, ...args], {
    env: { PATH: process.env["PATH"], ...batchNice(), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: options.channel === true ? ["pipe", "pipe", "pipe", "ipc"] : ["pipe", "pipe", "pipe"],
  });
  const parts = { out: [] as string[], err: [] as string[] };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => parts.out.push(text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => parts.err.push(text));
  child.stdin?.end(options.input ?? "");
  const out = (): string => parts.out.join("");
  const err = (): string => parts.err.join("");
  // `exit` and not `close`: what it started may hold the streams open for longer.
  const ended = (async (): Promise<Ended> => {
    const event = options.channel === true ? "exit" : "close";
    const [code, signal] = (await once(child, event)) as [number | null, NodeJS.Signals | null];
    return { code, signal, out: out(), err: err() };
  })();
  return { child, out, err, ended };
}

/** Runs `cairn …` to its end. */
export async function runCairn(args: readonly string[], options: CairnOptions = {}): Promise<Ended> {
  return await startCairn(args, options).ended;
}
