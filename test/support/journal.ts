/** What the tasks of `work-tasks.mjs` wrote down about one load. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Executions {
  /** How often a handler began. */
  readonly began: number;
  /** Requests of which at least one attempt began. */
  readonly requests: number;
  /** What was begun more often than there are requests: retries, hedges, repeats. */
  readonly extra: number;
  /** Requests whose handler ran to its end more than once. */
  readonly endedTwice: number;
  /** Handlers that were told to stop, and did. */
  readonly stopped: number;
  /** Begun after the deadline. */
  readonly late: number;
  /** How often a handler began, by process. */
  readonly byPid: ReadonlyMap<number, number>;
}

export function readJournal(folder: string): Executions {
  const begun = new Map<string, number>();
  const ended = new Map<string, number>();
  const byPid = new Map<number, number>();
  let stopped = 0;
  let late = 0;
  for (const file of readdirSync(folder)) {
    const pid = Number.parseInt(file, 10);
    for (const line of readFileSync(join(folder, file), "utf8").split("\n")) {
      const [word, job = "", , remainingMs] = line.split(" ");
      if (word === "began") {
        begun.set(job, (begun.get(job) ?? 0) + 1);
        byPid.set(pid, (byPid.get(pid) ?? 0) + 1);
        if (Number(remainingMs) <= 0) late += 1;
      } else if (word === "ended") ended.set(job, (ended.get(job) ?? 0) + 1);
      else if (word === "stopped") stopped += 1;
    }
  }
  const began = [...begun.values()].reduce((sum, count) => sum + count, 0);
  return {
    began,
    requests: begun.size,
    extra: began - begun.size,
    endedTwice: [...ended.values()].filter((count) => count > 1).length,
    stopped,
    late,
    byPid,
  };
}
