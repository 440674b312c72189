/**
 * Ends a program whose runner is gone, in whichever way, killed together with its keeper and its agent too. A shell of
 * a few hundred kilobytes that waits for its standard input to close.
 *
 * GU1 It finds the program by the attempt's mark in the environment, and by its control group; it carries no mark.
 * GU2 It stands in a session of its own: what is sent to groups does not reach it.
 */
import { spawn, type ChildProcess } from "node:child_process";

/** Looks several times: something may be starting a process at this moment. Only what is fixed here is shell. */
const SCRIPT = `
read -r _
for look in 1 2 3 4 5 6 7 8 9 10; do
  [ -z "$2" ] || echo 1 > "$2/cgroup.kill"
  found=$(grep -lsz "^CAIRN_RUN=.*$1" /proc/[0-9]*/environ | cut -d/ -f3)
  [ -n "$found" ] || break
  kill -9 $found
  sleep 0.05
done
`;

export class Guard {
  readonly #shell: ChildProcess;

  constructor(mark: string, cgroup: string | null) {
    this.#shell = spawn("/bin/sh", ["-c", SCRIPT, "sh", mark, cgroup ?? ""], {
      detached: true, // GU2
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }, // GU1
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#shell.on("error", () => undefined); // Without a shell the other means have to do.
    this.#shell.stdin?.on("error", () => undefined);
    this.#shell.unref();
  }

  /** Null: there is no shell on this machine. */
  get pid(): number | null {
    return this.#shell.pid ?? null;
  }

  /** The program is over, and nothing of it is left. */
  dismiss(): void {
    this.#shell.kill("SIGKILL");
  }
}
