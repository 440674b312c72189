/**
 * The folder in which this worker's attempts run, and a note of the process groups they run in.
 *
 * Runners end by themselves when their keeper is gone, and keepers when their agent is; this is for the day when one
 * of them could not.
 *
 * WL1 A process group is ended only if pid and start time are those that were noted.
 * WL2 The work of an agent that does not run any more is nobody's: its groups are ended and its folder is removed.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identify, isRunning } from "../../src/launch/process-identity.mjs";
import type { Logger } from "../../src/runtime/logger.ts";
import { removeFolder } from "../../src/runtime/remove-folder.ts";
import { killGroup } from "./children.ts";

const NOTE = "worker.json";

interface Identity {
  readonly pid: number;
  readonly startedAt: string;
}

interface Note {
  readonly agent: Identity;
  readonly groups: readonly Identity[];
}

export class WorkLedger {
  readonly folder: string;
  readonly #root: string;
  readonly #logger: Logger;
  #groups: Identity[] = [];

  /** @param options.folder where the work of all workers of this machine lies */
  constructor(options: { readonly folder: string; readonly workerId: string; readonly logger: Logger }) {
    this.#root = options.folder;
    this.folder = join(options.folder, options.workerId);
    this.#logger = options.logger;
  }

  /** Ends what agents before us left (WL2), and makes the folder ours. */
  async takeOver(): Promise<void> {
    mkdirSync(this.#root, { recursive: true });
    for (const name of readdirSync(this.#root)) {
      const folder = join(this.#root, name);
      const note = readNote(folder);
      if (note !== null && isRunning(note.agent)) continue;
      for (const group of note?.groups ?? []) {
        if (!isRunning(group)) continue; // WL1
        this.#logger.warn({ pid: group.pid, worker: name }, "ended what an earlier agent left running");
        killGroup(group.pid);
      }
      await removeFolder(folder).catch((error: unknown) => {
        this.#logger.warn({ err: error, folder }, "what an earlier agent left is not removed");
      });
    }
    mkdirSync(this.folder, { recursive: true });
    this.#write();
  }

  /** Notes the leader of a process group of ours. */
  note(pid: number): void {
    const identity = identify(pid);
    if (identity === null) return;
    this.#groups = [...this.#groups.filter(isRunning), { pid, startedAt: identity.startedAt }];
    this.#write();
  }

  async close(): Promise<void> {
    await removeFolder(this.folder);
  }

  #write(): void {
    const own = identify(process.pid);
    if (own === null) return;
    const note: Note = { agent: { pid: own.pid, startedAt: own.startedAt }, groups: this.#groups };
    const path = join(this.folder, NOTE);
    writeFileSync(`${path}.new`, JSON.stringify(note));
    renameSync(`${path}.new`, path);
  }
}

function readNote(folder: string): Note | null {
  try {
    return JSON.parse(readFileSync(join(folder, NOTE), "utf8")) as Note;
  } catch {
    return null;
  }
}
