/** CPU time of processes and of the machine, from /proc; where there is none (not Linux) it is not known: NaN. */
import { readdirSync, readFileSync } from "node:fs";

/** Linux counts in hundredths of a second. */
const TICK_MS = 10;

/** A process and all that came of it. */
export function familyOf(pid: number): number[] {
  const parents = new Map<number, number[]>();
  try {
    for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
      const parent = Number(statOf(Number(name))?.[1]);
      parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
    }
  } catch {
    return [pid];
  }
  const family = [pid];
  for (const member of family) family.push(...(parents.get(member) ?? []));
  return family;
}

/** CPU time that these processes have used so far, user and system, ms. What has ended counts nothing. */
export function cpuMs(pids: readonly number[]): number {
  if (process.platform !== "linux") return Number.NaN;
  let ticks = 0;
  for (const pid of pids) {
    const fields = statOf(pid);
    if (fields !== null) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * TICK_MS;
}

/** Resident memory, bytes. */
export function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
  } catch {
    return Number.NaN;
  }
}

/** Share of the machine's time that its host gave to others since `begin` (a first reading), 0 to 1. */
export function stolenShare(begin: MachineTime): number {
  const now = machineTime();
  return (now.stolen - begin.stolen) / Math.max(1, now.all - begin.all);
}

export interface MachineTime {
  readonly stolen: number;
  readonly all: number;
}

export function machineTime(): MachineTime {
  try {
    const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
    const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
    return { stolen: ticks[7] ?? 0, all: ticks.reduce((sum, one) => sum + one, 0) };
  } catch {
    return { stolen: Number.NaN, all: Number.NaN };
  }
}

/** What stands behind the name, from the state on: [0] state, [1] parent, [11] user, [12] system. */
function statOf(pid: number): string[] | null {
  try {
    // The name, in parentheses, may hold anything.
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? null;
  } catch {
    return null; // It has ended.
  }
}
