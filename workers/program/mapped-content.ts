/**
 * Files that the program has mapped into its memory to write to: numpy.memmap, LMDB, GDBM, the index of SQLite's log.
 * What it writes there changes neither their size nor, until the system has cleaned the page, which may take half a
 * minute, their time. Only their content tells whether they hold still.
 *
 * MC1 They do when their content is what it was a rest before, in time that the program could have used.
 * MC2 A copy is good when the file has the same content after it was copied: what is written meanwhile shows in no time.
 * MC3 They are not read all the time: a pause is a multiple of what reading them took.
 */
import { join } from "node:path";
import { hashFile } from "../../src/checkpoints/checkpoints.ts";
import type { FilesLook } from "./checkpoint-files.ts";
import { mappedForWriting } from "./open-files.ts";
import type { ProcessTree } from "./process-tree.ts";

/** MC3 */
const PAUSE_FACTOR = 4;
/** Found changed so often in a row, it is said. */
const CHANGES = 4;

export interface MappedContentOptions {
  /** The program's folder. */
  readonly folder: string;
  readonly nowMs: () => number;
}

export class MappedContent {
  readonly #options: MappedContentOptions;
  #seen: { readonly content: string; readonly atMs: number } | null = null;
  #notBeforeMs = -Infinity;
  #changes = 0;
  #remark: string | null = null;
  #said = false;

  constructor(options: MappedContentOptions) {
    this.#options = options;
  }

  /** @param usableMs of the program's clock; @param restMs for how long they have to hold still */
  async isStill(names: readonly string[], usableMs: number, restMs: number): Promise<boolean> {
    const { folder, nowMs } = this.#options;
    const seen = this.#seen;
    const beganMs = nowMs();
    if (beganMs < this.#notBeforeMs || (seen !== null && usableMs - seen.atMs < restMs)) return false;
    const content = await contentOf(folder, names);
    this.#notBeforeMs = nowMs() + (nowMs() - beganMs) * PAUSE_FACTOR; // MC3
    this.#seen = { content, atMs: usableMs };
    const isStill = seen?.content === content; // MC1
    this.#changes = isStill || seen === null ? 0 : this.#changes + 1;
    if (this.#changes >= CHANGES && !this.#said) {
      this.#said = true;
      this.#remark =
        `the program writes to ${names.slice(0, 3).join(", ")} through its memory (mmap) all the time, so nothing tells ` +
        "when it is complete: let it write a copy when it is asked (`checkpoint.trigger`), or tell when it rests " +
        "(`checkpoint.written`); `always: true` there if it goes on from whatever `kill -9` leaves";
    }
    return isStill;
  }

  /** What is to be said about them, once; null: nothing. */
  remark(): string | null {
    const remark = this.#remark;
    this.#remark = null;
    return remark;
  }
}

/** Files of a checkpoint that the program has mapped, and that it writes in place. */
export function mappedOf(
  { steady, replaced }: Pick<FilesLook, "steady" | "replaced">,
  { tree, folder }: { readonly tree: ProcessTree; readonly folder: string },
): readonly string[] {
  const pids = tree.look().map(({ pid }) => pid);
  const mapped = mappedForWriting(pids, folder);
  return steady.filter((name) => mapped.has(name) && !replaced.has(name));
}

/** MC2. @returns the first whose copy in `into` is not what it is now; null: all are */
export async function torn(folder: string, into: string, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    if ((await contentOf(folder, [name])) !== (await contentOf(into, [name]))) return name;
  }
  return null;
}

async function contentOf(folder: string, names: readonly string[]): Promise<string> {
  const all: string[] = [];
  for (const name of names) all.push(`${name} ${(await hashFile(join(folder, name))).sha256}`);
  return all.join("\n");
}
