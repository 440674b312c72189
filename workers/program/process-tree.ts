/**
 * All processes of a program: what it started, what that started, also after it left its group or its parent died.
 *
 * PT1 A process is known by pid and start time together, and once it is known it stays known until it is gone.
 * PT2 Found are: members of the control group, where there is one; members of the process group; children of what is
 *     known; and what carries the attempt's mark in the environment it was started with.
 * PT3 This process, which leads the group, is not part of it, and neither is its guard: that has to outlive the program.
 * PT4 Where there is no /proc only descendants are found, and what they use is not known.
 * PT5 A signal that a process blocks is one that it waits for (`sigwait`), if it stays blocked: shells, `posix_spawn` and
 *     Python block all signals for the moment in which they start another process, and would be ended by it afterwards.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { family, identify } from "../../src/launch/process-identity.mjs";
import { PROGRAM_GROUP } from "./program-group.ts";

/** Linux counts processor time in hundredths of a second, whatever its own clock. */
const TICK_MS = 10;
const KILL_LOOKS = 200;
const KILL_PAUSE_MS = 10;
/** PT5: looks in a row at which a signal is blocked. */
const STEADY_LOOKS = 6;

export interface Member {
  readonly pid: number;
  readonly startedAt: string;
  readonly parent: number;
  /** As in `ps`: R, S, D, T … */
  readonly state: string;
  readonly cpuMs: number;
}

export interface ProcessTreeOptions {
  readonly mark: string;
  readonly cgroup: string | null;
  /** Process id of the guard (PT3); null: there is none. */
  readonly guard: number | null;
}

export class ProcessTree {
  readonly #options: ProcessTreeOptions;
  #known = new Set<string>();
  /** Looked at before, and not one of ours. */
  #strangers = new Set<string>();
  /** PT5: at how many looks in a row a process had a signal blocked. */
  readonly #blocked = new Map<string, number>();

  constructor(options: ProcessTreeOptions) {
    this.#options = options;
  }

  /** Those that run now (PT2). */
  look(): readonly Member[] {
    if (process.platform !== "linux") return descendants().filter(({ pid }) => pid !== this.#options.guard);
    const table = readTable().filter(({ pid }) => pid !== process.pid && pid !== this.#options.guard); // PT3
    const grouped = new Set(membersOf(this.#options.cgroup));
    const found = new Map<number, Member>();
    for (const entry of table) {
      if (grouped.has(entry.pid) || entry.group === process.pid || this.#isKnown(entry)) found.set(entry.pid, entry);
    }
    for (let before = -1; before !== found.size;) {
      before = found.size;
      for (const entry of table) {
        if (found.has(entry.parent) || entry.parent === process.pid) found.set(entry.pid, entry);
      }
    }
    const keys = new Set(table.map(keyOf));
    this.#known = new Set([...found.values()].map(keyOf)); // PT1
    this.#strangers = new Set([...this.#strangers, ...keys].filter((key) => keys.has(key) && !this.#known.has(key)));
    return [...found.values()];
  }

  /** SIGKILL to all, until none is left. @returns false when some cannot be ended */
  async kill(): Promise<boolean> {
    for (let look = 0; look < KILL_LOOKS; look += 1) {
      const members = this.look();
      if (members.length === 0) return true;
      for (const { pid } of members) send(pid, "SIGKILL");
      await pause(KILL_PAUSE_MS);
    }
    return false;
  }

  /** Sends a signal to all. */
  signal(name: NodeJS.Signals): void {
    for (const { pid } of this.look()) send(pid, name);
  }

  /** What stands at the top: the process that was started, or, when that is gone, what is nobody's child any more. */
  topOf(root: number): readonly number[] {
    const members = this.look();
    const pids = new Set(members.map(({ pid }) => pid));
    if (pids.has(root) || process.platform !== "linux") return [root];
    return members.filter(({ parent }) => !pids.has(parent)).map(({ pid }) => pid);
  }

  /**
   * The processes from the top of the tree that handle a signal, and not what is below them: a wrapper that handles it
   * passes it on, one that does not would be ended by it. Empty: nobody handles it, or it is not certain yet (PT5).
   */
  handlersOf(root: number, signal: number): readonly number[] {
    const members = this.look();
    if (process.platform !== "linux") return [root];
    const below = (pid: number): readonly number[] =>
      this.#handles(pid, signal)
        ? [pid]
        : members.filter(({ parent }) => parent === pid).flatMap((child) => below(child.pid));
    return below(root);
  }

  /** Does a process catch a signal, or wait for it with the signal blocked (PT5)? */
  #handles(pid: number, signal: number): boolean {
    const status = readText(`/proc/${pid}/status`);
    const has = (field: string): boolean => {
      const mask = new RegExp(`^${field}:\\s+([0-9a-f]+)`, "m").exec(status)?.[1];
      return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
    };
    if (has("SigCgt")) return true;
    const key = `${pid} ${signal}`;
    if (!has("SigBlk")) {
      this.#blocked.delete(key);
      return false;
    }
    // In uninterruptible sleep it waits for the child that it is just starting, or for a disk: that tells nothing.
    const looks = (this.#blocked.get(key) ?? 0) + (/^State:\s+D/m.test(status) ? 0 : 1);
    this.#blocked.set(key, looks);
    return looks >= STEADY_LOOKS;
  }

  #isKnown(entry: Member): boolean {
    const key = keyOf(entry);
    if (this.#known.has(key)) return true;
    return !this.#strangers.has(key) && carriesMark(entry.pid, this.#options.mark);
  }
}

/** To one process, which may be gone. */
export function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone, or not ours to signal.
  }
}

/** Memory that a process holds, bytes; 0 when it is gone. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

function keyOf({ pid, startedAt }: Member): string {
  return `${pid} ${startedAt}`;
}

interface Entry extends Member {
  readonly group: number;
}

function readTable(): Entry[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const text = readText(`/proc/${name}/stat`);
    // The name of the program is in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state = "Z", parent, group] = fields;
    const isOver = state === "X" || (state === "Z" && !(Number(fields[17]) > 1)); // Its first thread may end before others.
    if (text === "" || isOver) return [];
    return {
      pid: Number(name),
      startedAt: fields[19] ?? "",
      parent: Number(parent),
      group: Number(group),
      state,
      cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    };
  });
}

function membersOf(cgroup: string | null): number[] {
  if (cgroup === null) return [];
  const groups = [cgroup, join(cgroup, PROGRAM_GROUP)];
  return groups.flatMap((group) => readText(join(group, "cgroup.procs")).split("\n").filter(Boolean).map(Number));
}

function carriesMark(pid: number, mark: string): boolean {
  return readText(`/proc/${pid}/environ`)
    .split("\0")
    .some((line) => line.startsWith("CAIRN_RUN=") && line.slice(10).split(",").includes(mark));
}

/** PT4 */
function descendants(): Member[] {
  const own = identify(process.pid);
  if (own === null) return [];
  return family([own]).map(({ pid, startedAt }) => ({ pid, startedAt, parent: process.pid, state: "S", cpuMs: 0 }));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
