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
  /** When handlers began, by process; ms since 1970, ascending. */
  readonly beganAtMs: ReadonlyMap<number, readonly number[]>;
}

export function readJournal(folder: string): Executions {
  const begun = new Map<string, number>();
  const ended = new Map<string, number>();
  const beganAtMs = new Map<number, number[]>();
  let stopped = 0;
  let late = 0;
  for (const file of readdirSync(folder)) {
    const times: number[] = [];
    beganAtMs.set(Number.parseInt(file, 10), times);
    for (const line of readFileSync(join(folder, file), "utf8").split("\n")) {
      const [word, job = "", , remainingMs, atMs] = line.split(" ");
      if (word === "began") {
        begun.set(job, (begun.get(job) ?? 0) + 1);
        times.push(Number(atMs));
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
    beganAtMs,
  };
}
