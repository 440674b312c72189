/**
 * Sends a large file to the disk while it is still being written: the sync at its end, which would else wait for all of
 * it, waits for the rest. Measured with 1 GiB on ext4: the copy is safe after 550 ms instead of 800.
 *
 * E1 What the disk says counts: the kernel tells an error of writing once to those who have the file open, and who opens
 *    it afterwards and syncs hears of none. So `end` rejects with it, and the file must not be used.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { isCode } from "./system-error.ts";

/** Between two rounds, ms: each makes the file system write its journal too. */
const PAUSE_MS = 50;

export class EarlyWriteback {
  readonly #over = new AbortController();
  readonly #rounds: Promise<void>;

  /** @param path of the file, which need not be there yet */
  constructor(path: string) {
    this.#rounds = this.#run(path);
    this.#rounds.catch(() => undefined); // E1: whoever calls `end` hears of it.
  }

  /** The file is whole, or not wanted any more. @throws what the disk has said so far (E1) */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#rounds;
  }

  async #run(path: string): Promise<void> {
    const file = await this.#opened(path);
    if (file === null) return;
    try {
      do {
        await file.datasync();
        await this.#pause(PAUSE_MS);
      } while (!this.#over.signal.aborted);
    } finally {
      await file.close();
    }
  }

  /** @returns null when it was over before there was a file */
  async #opened(path: string): Promise<FileHandle | null> {
    while (!this.#over.signal.aborted) {
      try {
        return await open(path, constants.O_RDONLY);
      } catch (error) {
        if (!isCode(error, "ENOENT")) throw error;
        await this.#pause(1);
      }
    }
    return null;
  }

  /** Shorter when it is over. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#over;
    await pause(ms, undefined, { signal }).catch(() => undefined);
  }
}
