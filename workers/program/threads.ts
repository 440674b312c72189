/** What the threads of processes do, and what they got of the processors. Known on Linux. */
import { readdirSync, readFileSync } from "node:fs";

export interface ThreadLook {
  /** Id and start time. */
  readonly id: string;
  /** As in `ps`: R, S, D, T … */
  readonly state: string;
  /** On a processor, since it was started, ms. */
  readonly ranMs: number;
  /** Ready to run, and without a processor, ms; 0 where the kernel does not tell. */
  readonly waitedMs: number;
}

/** So many are looked at: each costs about 30 microseconds. */
const MOST_THREADS = 500;
/** Linux counts processor time in hundredths of a second, whatever its own clock. */
const TICK_MS = 10;

/** Threads of these processes that are there now. */
export function threadsOf(pids: readonly number[]): readonly ThreadLook[] {
  const found: ThreadLook[] = [];
  for (const pid of pids) {
    for (const thread of listOf(`/proc/${pid}/task`)) {
      if (found.length >= MOST_THREADS) return found;
      const look = lookAt(`/proc/${pid}/task/${thread}`, thread);
      if (look !== null) found.push(look);
    }
  }
  return found;
}

/** Is each thread of a process stopped, or over? Of one that is gone none runs either. */
export function areStopped(pid: number): boolean {
  return listOf(`/proc/${pid}/task`).every((thread) => {
    const text = textOf(`/proc/${pid}/task/${thread}/stat`);
    return text === null || /^[TtZX]/.test(text.slice(text.lastIndexOf(")") + 2));
  });
}

function lookAt(folder: string, thread: string): ThreadLook | null {
  const text = textOf(`${folder}/stat`);
  if (text === null) return null;
  // The name of the program is in parentheses and may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [ran, waited] = textOf(`${folder}/schedstat`)?.split(" ") ?? [];
  return {
    id: `${thread} ${fields[19] ?? ""}`,
    state: fields[0] ?? "",
    ranMs: ran === undefined ? (Number(fields[11]) + Number(fields[12])) * TICK_MS : Number(ran) / 1e6,
    waitedMs: Number(waited ?? 0) / 1e6,
  };
}

function listOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // It has ended.
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return null;
  }
}
