/** The command line without a process: a session that keeps what is written, and commands that run in one. */
import pc from "picocolors";
import { CairnClient } from "../../src/client/client.ts";
import { findApi } from "../../src/cli/api-address.ts";
import { runProgram } from "../../src/cli/program.ts";
import type { Session } from "../../src/cli/session.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { loadConfig } from "../../src/runtime/config.ts";

export interface KeptSession {
  readonly session: Session;
  readonly out: () => string;
  readonly words: () => string;
}

export function keepSession(change: Partial<Session> = {}): KeptSession {
  const out: string[] = [];
  const words: string[] = [];
  const session: Session = {
    out: (data) => Promise.resolve(void out.push(typeof data === "string" ? data : Buffer.from(data).toString())),
    say: (line) => void words.push(`${line}\n`),
    draw: (text) => void words.push(text),
    terminal: { out: false, err: false, columns: 80 },
    colors: pc.createColors(false),
    readStdin: () => Promise.resolve(""),
    clock: systemClock,
    typed: "cairn",
    client: (options) => new CairnClient({ url: findApi(loadConfig(options)).url }),
    become: () => Promise.reject(new Error("no process is started here")),
    ...change,
  };
  return { session, out: () => out.join(""), words: () => words.join("") };
}

/** What a command comes to: the same as its process would, but for half a second of starting one. */
export interface Called {
  /** Exit code. */
  readonly code: number;
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly err: string;
}

/** Runs `cairn …` in this process. */
export async function callCairn(args: readonly string[], change: Partial<Session> = {}): Promise<Called> {
  const { session, out, words } = keepSession(change);
  const code = await runProgram(session, args, "0.0.0");
  return { code, out: out(), err: words() };
}
