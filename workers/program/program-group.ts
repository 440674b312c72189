/**
 * The control group of the program alone, inside of that of the attempt, which holds the runner too: it can be frozen
 * while the runner goes on (cgroup v2, Linux 5.2).
 *
 * PG1 The runner steps in for the moment in which it starts the program, so whatever the program starts is in it from
 *     its beginning, whoever it runs as. One that finds itself in it after all does not freeze it.
 * PG2 What is in it can be ended while it is frozen.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Name of the group inside of the attempt's. */
export const PROGRAM_GROUP = "program";

export class ProgramGroup {
  readonly #outer: string;
  readonly #path: string;

  private constructor(outer: string) {
    this.#outer = outer;
    this.#path = join(outer, PROGRAM_GROUP);
  }

  /** @param outer that of the attempt. @returns null where there can be none */
  static create(outer: string | null): ProgramGroup | null {
    if (outer === null) return null;
    try {
      const group = new ProgramGroup(outer);
      mkdirSync(group.#path, { recursive: true });
      group.thaw();
      return group.#read("cgroup.freeze") === null ? null : group;
    } catch {
      return null; // Linux before 5.2, or not ours to make.
    }
  }

  /** Starts something inside of it (PG1). */
  startInside<T>(start: () => T): T {
    const move = (into: string): void => writeFileSync(join(into, "cgroup.procs"), `${process.pid}`);
    try {
      mkdirSync(this.#path, { recursive: true }); // Empty, it may have been taken for what was left behind.
      move(this.#path);
    } catch {
      return start();
    }
    try {
      return start();
    } finally {
      move(this.#outer);
    }
  }

  /** @returns false where it cannot be (PG1) */
  freeze(): boolean {
    const members = this.#read("cgroup.procs")?.split("\n") ?? [String(process.pid)];
    return !members.includes(String(process.pid)) && this.#write("1");
  }

  thaw(): void {
    this.#write("0");
  }

  get isFrozen(): boolean {
    return /^frozen 1$/m.test(this.#read("cgroup.events") ?? "");
  }

  holds(pid: number): boolean {
    return this.#read("cgroup.procs")?.split("\n").includes(String(pid)) === true;
  }

  #write(state: "0" | "1"): boolean {
    try {
      writeFileSync(join(this.#path, "cgroup.freeze"), state);
      return true;
    } catch {
      return false;
    }
  }

  #read(file: string): string | null {
    try {
      return readFileSync(join(this.#path, file), "utf8");
    } catch {
      return null;
    }
  }
}
