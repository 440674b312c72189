/** What tests of online jobs under faults share: processes that die or freeze, and what the jobs left behind. */
import { readFileSync } from "node:fs";
import type { ChildProcess } from "node:child_process";
import { isFinalState, type Job } from "../../src/contract/job.ts";
import { childrenOf } from "./child-processes.ts";
import type { Fleet } from "./fleet.ts";

export interface ApiProcess {
  readonly child: ChildProcess;
}

/** All processes of an API: nothing of it comes back by itself. */
export function killApi({ child }: ApiProcess): void {
  const serving = childrenOf(child.pid ?? 0);
  child.kill("SIGKILL");
  for (const pid of serving) process.kill(pid, "SIGKILL");
}

/** Is the process stopped by a signal? */
export function isFrozen(pid: number): boolean {
  return /^State:\s*T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

export function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").trim().split("\n");
  } catch {
    return [];
  }
}

export const ended = async (fleet: Fleet, ids: readonly string[]): Promise<Job[]> =>
  Promise.all(ids.map((id) => fleet.job(id, "ends", ({ state }) => isFinalState(state))));

/** How often a job came to an end. */
export async function finalsOf(fleet: Fleet, id: string): Promise<number> {
  let count = 0;
  for await (const { type } of fleet.client.events(id)) {
    if (["succeeded", "failed", "cancelled", "expired"].includes(type)) count += 1;
  }
  return count;
}
