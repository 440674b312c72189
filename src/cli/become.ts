/**
 * Runs a process of Cairn in this one's place, as far as Node can: it cannot replace itself, so it stays as a shell
 * around the other one that adds nothing.
 *
 * O1 The child has our standard streams, gets the signals that we get, and its end is ours: its exit code, its signal.
 * O2 Its IPC channel leads to whoever started us, if somebody listens there; messages pass both ways. If we are
 *    killed the channel closes, by which the child knows that it is alone, and ends.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { isatty } from "node:tty";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Program } from "./session.ts";

const FORWARDED = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
] as const satisfies readonly NodeJS.Signals[];

/** The entry of a program, beside this file in the same build. */
export function entryOf(program: Program): string {
  const folder = { api: "api", worker: "workers", store: "api/store", simulate: "workers/simulate" }[program];
  return fileURLToPath(new URL(`../../${folder}/main${extname(import.meta.url)}`, import.meta.url));
}

/**
 * @param environment of the child, with its settings
 * @returns its exit code; if a signal ended it, this process ends by the same one and the promise never settles
 */
export async function become(
  program: Program,
  environment: NodeJS.ProcessEnv,
  args: readonly string[] = [],
): Promise<number> {
  const child = spawn(process.execPath, [entryOf(program), ...args], {
    env: environment,
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  const ended = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const onTerminal = isatty(0);
  for (const signal of FORWARDED) {
    // O1. A terminal that is gone means to end; SIGHUP from elsewhere asks an API to renew itself.
    process.on(signal, () => void child.kill(signal === "SIGHUP" && onTerminal ? "SIGTERM" : signal));
  }
  if (process.channel !== undefined) {
    // O2: a message that cannot be passed on has nobody to read it.
    child.on("message", (message) => process.send?.(message, undefined, undefined, () => undefined));
    process.on("message", (message) => {
      if (child.connected) child.send(message as object, () => undefined);
    });
    process.once("disconnect", () => {
      if (child.connected) child.disconnect();
    });
  }
  const [code, signal] = await ended;
  // An open channel would keep this process alive without the one that it stood for.
  if (process.connected) process.disconnect();
  if (signal !== null) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    await new Promise(() => undefined);
  }
  return code ?? 1;
}
