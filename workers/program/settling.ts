/**
 * For how long files have to hold still before they are taken for a complete checkpoint: what the definition says, else
 * a second.
 *
 * SE1 What is seen never lowers it. From outside a pause in the middle of a checkpoint looks like the one between two:
 *     between two files, between two parts of one that is closed in between. Either may be the longer one, so a time that
 *     is guessed from them may fit the torn moment alone, and take it again and again.
 * SE2 A program whose files never rest for so long has no checkpoint by it. That is said, once, with what it needs; later
 *     where they only grow, since that may be one checkpoint that is being written.
 */

/** ms */
export const REST_MS = 1_000;
/** Changes seen without a rest, and for how long, before it is said (SE2). */
const RESTLESS_CHANGES = 4;
const RESTLESS_MS = 5_000;
const GROWING_MS = 60_000;

export class Settling {
  readonly restMs: number;
  #bytes = 0;
  /** What was seen since the files last held still. */
  #restless: { readonly beganMs: number; changes: number; rewritten: boolean } | null = null;
  #remark: string | null = null;
  #said = false;

  /** @param settleMs as in the definition */
  constructor(settleMs: number | "auto") {
    this.restMs = settleMs === "auto" ? REST_MS : settleMs; // SE1
  }

  /** They have changed. @param bytes their size now */
  changed(nowMs: number, bytes: number): void {
    const rewritten = bytes <= this.#bytes;
    this.#bytes = bytes;
    if (this.#restless === null) this.#restless = { beganMs: nowMs, changes: 0, rewritten: false };
    else this.#restless.rewritten ||= rewritten;
    this.#restless.changes += 1;
    this.#consider(nowMs);
  }

  /** They held still for long enough, or something else told that they are complete. */
  rested(): void {
    this.#restless = null;
  }

  /** What is to be said about it, once (SE2); null: nothing. */
  remark(): string | null {
    const remark = this.#remark;
    this.#remark = null;
    return remark;
  }

  #consider(nowMs: number): void {
    const seen = this.#restless;
    if (this.#said || seen === null || seen.changes < RESTLESS_CHANGES) return;
    if (nowMs - seen.beganMs < (seen.rewritten ? RESTLESS_MS : GROWING_MS)) return;
    this.#said = true;
    this.#remark =
      `its files changed ${seen.changes} times and never held still for ${this.restMs} ms, so nothing tells when they ` +
      "are complete: say it in `checkpoint.written` (`text`, `file` or `lastLine`; `closed: true` if it is one file that " +
      "is opened, written and closed in one go; `settleMs` only if no pause in the middle of writing is as long), or in " +
      "`checkpoint.replaced` if it is one file that is renamed; or `always: true` if the program goes on from whatever " +
      "`kill -9` leaves of them";
  }
}
