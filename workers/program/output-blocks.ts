/**
 * Notices an output that comes in blocks. To a pipe C, Fortran and Python write when a few kilobytes are full: a line that
 * says something of the moment, that a checkpoint is written for instance, is then seen late, or at the end.
 *
 * OB1 A block has the size of such a buffer, and ends in the middle of a line; once may be chance.
 * OB2 What we read at most at a time ends where it ends: it is no sign.
 */
import type { ProgramDefinition } from "../../src/tasks/program/definition.ts";

const BLOCK_BYTES = 4_096;
/** OB2 */
const READ_BYTES = 65_536;
const BLOCKS = 2;
const NEWLINE = 10;

export class OutputBlocks {
  readonly #fields: readonly string[];
  #blocks = 0;

  constructor({ checkpoint, progress }: Pick<ProgramDefinition, "checkpoint" | "progress">) {
    this.#fields = [
      ...(checkpoint?.written.text === undefined ? [] : ["checkpoint.written.text"]),
      ...(checkpoint?.ready?.text === undefined ? [] : ["checkpoint.ready.text"]),
      ...(progress?.in === "output" ? ["progress.text"] : []),
    ];
  }

  /** @param bytes what was read of standard output at once. @returns what is to be said, once; null: nothing */
  look(bytes: Uint8Array): string | null {
    const isBlock = bytes.length % BLOCK_BYTES === 0 && bytes.length < READ_BYTES && bytes.at(-1) !== NEWLINE; // OB1
    if (!isBlock || this.#fields.length === 0) return null;
    this.#blocks += 1;
    if (this.#blocks !== BLOCKS) return null;
    return (
      `its output comes in blocks, in the middle of a line, so ${this.#fields.map((name) => `\`${name}\``).join(", ")} ` +
      "may see a line long after it was printed: let the program flush it, or begin its command line with stdbuf, -oL (C, " +
      "C++), or set GFORTRAN_UNBUFFERED_PRECONNECTED: 1 (gfortran), PYTHONUNBUFFERED: 1 (Python) in `env`"
    );
  }
}
