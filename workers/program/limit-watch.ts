/**
 * Keeps a program within its limits by looking: what it uses is added up over all of its processes.
 *
 * LW1 What is measured is named with what is allowed: the person who reads the error knows what to change.
 * LW2 Where there is a control group the kernel counts processor time and refuses memory; the looks go on beside it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProgramDefinition } from "../../src/tasks/program/definition.ts";
import { sizeOf } from "./folder-look.ts";
import { type Member, residentBytes } from "./process-tree.ts";

/** The runner is in the control group too, and needs some memory itself. */
const RUNNER_BYTES = 128 * 2 ** 20;
/** A folder with many files is looked at less often: at most this part of the time goes into it. */
const LOOK_SHARE = 0.05;

export interface Overrun {
  readonly fault: "timed_out" | "not_retryable";
  readonly message: string;
}

export interface LimitWatchOptions {
  readonly limits: ProgramDefinition["limits"];
  readonly folder: string;
  readonly cgroup: string | null;
  readonly beginMs: number;
}

export class LimitWatch {
  readonly #options: LimitWatchOptions;
  /** Processor time of each process, also of those that have ended. */
  readonly #cpuMs = new Map<string, number>();
  #nextDiskMs = 0;

  constructor(options: LimitWatchOptions) {
    this.#options = options;
    const { limits, cgroup } = options;
    if (cgroup === null) return;
    // LW2
    if (limits.memoryBytes !== undefined) give(cgroup, "memory.max", `${limits.memoryBytes + RUNNER_BYTES}`);
    if (limits.cpus !== undefined) give(cgroup, "cpu.max", `${limits.cpus * 100_000} 100000`);
  }

  /** @returns the limit that is passed; null: none is */
  look(members: readonly Member[], nowMs: number): Overrun | null {
    const { limits, folder, beginMs } = this.#options;
    const { wallMs, memoryBytes, cpuMs, diskBytes, processes } = limits;
    if (wallMs !== undefined && nowMs - beginMs >= wallMs) {
      return { fault: "timed_out", message: `limits.wallMs: the attempt took longer than ${wallMs} ms` };
    }
    if (processes !== undefined && members.length > processes) {
      return over("processes", `${members.length} processes`, `${processes}`);
    }
    if (memoryBytes !== undefined) {
      const used = members.reduce((sum, { pid }) => sum + residentBytes(pid), 0);
      if (used > memoryBytes) return over("memoryBytes", `${used} bytes of memory`, `${memoryBytes}`);
      if (this.#wasRefusedMemory()) return over("memoryBytes", "more memory than the kernel gives", `${memoryBytes}`);
    }
    if (cpuMs !== undefined) {
      const used = this.#processorMs(members);
      if (used > cpuMs) return over("cpuMs", `${Math.round(used)} ms of processor time`, `${cpuMs}`);
    }
    if (diskBytes !== undefined && nowMs >= this.#nextDiskMs) {
      const begin = performance.now();
      const used = sizeOf(folder);
      this.#nextDiskMs = nowMs + (performance.now() - begin) / LOOK_SHARE;
      if (used > diskBytes) return over("diskBytes", `${used} bytes in the working folder`, `${diskBytes}`);
    }
    return null;
  }

  #processorMs(members: readonly Member[]): number {
    for (const { pid, startedAt, cpuMs } of members) this.#cpuMs.set(`${pid} ${startedAt}`, cpuMs);
    const looked = [...this.#cpuMs.values()].reduce((sum, ms) => sum + ms, 0);
    const counted = /^usage_usec (\d+)/m.exec(readText(this.#options.cgroup, "cpu.stat"))?.[1];
    if (counted === undefined) return looked;
    const { user, system } = process.cpuUsage();
    return Math.max(looked, (Number(counted) - user - system) / 1_000);
  }

  #wasRefusedMemory(): boolean {
    return Number(/^oom_kill (\d+)/m.exec(readText(this.#options.cgroup, "memory.events"))?.[1] ?? 0) > 0;
  }
}

/** LW1 */
function over(limit: string, used: string, allowed: string): Overrun {
  return { fault: "not_retryable", message: `limits.${limit}: used ${used}; allowed are ${allowed}` };
}

function give(cgroup: string, file: string, value: string): void {
  try {
    writeFileSync(join(cgroup, file), value);
  } catch {
    // The controller is not given to us: looking has to do.
  }
}

function readText(cgroup: string | null, file: string): string {
  try {
    return cgroup === null ? "" : readFileSync(join(cgroup, file), "utf8");
  } catch {
    return "";
  }
}
