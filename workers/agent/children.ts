/**
 * Starting child processes of an agent.
 *
 * A1 A child stands in a session of its own: signals of a terminal or of a process group reach the agent alone, and
 *    the agent decides what they mean for its children. A child notices the agent's end by its channel closing.
 * A2 A child gets a clean environment: no settings and no credentials but what its assignment says.
 */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Variables that programs need to run at all (A2), and `CAIRN_RUN`, the mark by which the guard of `npm start` finds
 * everything that came of it (`src/launch/guard.mjs`).
 */
const PASSED_ON = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "NODE_EXTRA_CA_CERTS", "CAIRN_RUN"] as const;

export type Environment = Readonly<Partial<Record<string, string>>>;

/** The environment of children, from the agent's own. @param more variables that are passed on besides */
export function childEnvironment(own: Environment, more: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    [...PASSED_ON, ...more].flatMap((name) => {
      const value = own[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/**
 * Forks `entry`, a module beside this one.
 * @param entry for example `../keeper/main.js`; `.ts` is mapped to what the build made of it
 */
export function forkChild(entry: URL, environment: Environment): ChildProcess {
  return fork(fileURLToPath(entry), [], {
    detached: true, // A1
    env: { ...environment },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

/** Sends to a child; a closed channel is no news to anybody who watches for the child's end. */
export function tell(child: ChildProcess, message: object): void {
  if (child.connected) child.send(message, () => undefined);
}

/** Resolves when the child has ended. */
export function ended(
  child: ChildProcess,
): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", () => resolve({ code: child.exitCode, signal: child.signalCode }));
  });
}

/** SIGKILL to a whole process group; it may be gone already. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Gone.
  }
}
