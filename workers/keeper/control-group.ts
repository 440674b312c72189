/**
 * A control group (cgroup v2) of one attempt, where this process may make one: under systemd with `Delegate=yes`, or as
 * root. It holds whatever the runner starts, also what leaves its process group and changes its environment.
 *
 * CG1 Without it everything works, by other and weaker means: the process group, the mark in the environment, looking.
 * CG2 It is made beside our own when ours is the leaf of a delegated unit (`DelegateSubgroup=agent`), because a group
 *     with processes in it cannot give controllers to groups inside of it; otherwise inside of ours.
 */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const PREFIX = "cairn-";
/** Name of the leaf that `workers/deploy/cairn-worker.service` puts the agent into. */
const LEAF = "agent";

export class ControlGroup {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @returns null where there can be none (CG1) */
  static create(name: string): ControlGroup | null {
    try {
      const own = ownGroup();
      if (own === null) return null;
      const home = basename(own) === LEAF ? dirname(own) : own; // CG2
      removeEmpty(home);
      enableControllers(home);
      const path = join(home, `${PREFIX}${name}`);
      mkdirSync(path);
      return new ControlGroup(path);
    } catch {
      return null;
    }
  }

  add(pid: number): void {
    try {
      appendFileSync(join(this.path, "cgroup.procs"), `${pid}`);
    } catch {
      // CG1; the runner sees that it is not in it.
    }
  }

  kill(): void {
    try {
      writeFileSync(join(this.path, "cgroup.kill"), "1");
    } catch {
      // Linux before 5.14, or removed already: the other means have to do.
    }
  }

  remove(): void {
    removeGroup(this.path);
  }
}

/** The folder of the cgroup v2 that this process is in; null: there is none. */
function ownGroup(): string | null {
  const own = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  const mount = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((line) => line.includes(" - cgroup2 "))
    ?.split(" ")[4];
  return own === undefined || mount === undefined ? null : join(mount, own);
}

/** What killed keepers left; a group that is in use cannot be removed. */
function removeEmpty(home: string): void {
  for (const name of readdirSync(home)) if (name.startsWith(PREFIX)) removeGroup(join(home, name));
}

function enableControllers(home: string): void {
  try {
    writeFileSync(join(home, "cgroup.subtree_control"), "+memory +cpu +pids");
  } catch {
    // Not given to us, or processes are in it: limits are kept by looking.
  }
}

/** With the groups that were made inside of it; one of an attempt that runs holds its runner. */
function removeGroup(path: string): void {
  try {
    if (readFileSync(join(path, "cgroup.procs"), "utf8") !== "") return;
    for (const inner of readdirSync(path, { withFileTypes: true })) {
      if (inner.isDirectory()) rmdirSync(join(path, inner.name));
    }
    rmdirSync(path);
  } catch {
    // Not empty yet: the next one that is made here removes it.
  }
}
