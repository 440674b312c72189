/**
 * For how long files have to hold still before they are taken for a complete checkpoint: a second. A program that
 * rewrites them more often than that would never have one; for it the time is lowered, as far as its own pauses show
 * that it can be.
 *
 * SE1 It is lowered to half of the longest pause seen, only after many changes without a rest, and never below a twentieth
 *     of a second.
 * SE2 Files that only grow are one that is being written: nothing is lowered for them.
 */

const REST_MS = 1_000;
const LEAST_MS = 50;
/** Changes seen without a rest, and for how long, before the time is lowered (SE1). */
const RESTLESS_CHANGES = 4;
const RESTLESS_MS = 5_000;

export class Settling {
  readonly #given: number | null;
  #restMs: number;
  #bytes = 0;
  #sinceMs = 0;
  /** What was seen since the files last held still. */
  #restless: { beganMs: number; changes: number; longestMs: number; rewritten: boolean } | null = null;
  #remark: string | null = null;

  /** @param settleMs as in the definition */
  constructor(settleMs: number | "auto") {
    this.#given = settleMs === "auto" ? null : settleMs;
    this.#restMs = this.#given ?? REST_MS;
  }

  get restMs(): number {
    return this.#restMs;
  }

  /** What nobody may lower: the time for which files that are held open have to rest is a multiple of it. */
  get fullRestMs(): number {
    return this.#given ?? REST_MS;
  }

  /** They have changed. @param bytes their size now */
  changed(nowMs: number, bytes: number): void {
    const rewritten = bytes <= this.#bytes;
    this.#bytes = bytes;
    if (this.#restless === null) {
      this.#restless = { beganMs: nowMs, changes: 0, longestMs: 0, rewritten: false };
    } else {
      this.#restless.longestMs = Math.max(this.#restless.longestMs, nowMs - this.#sinceMs);
      this.#restless.rewritten ||= rewritten;
    }
    this.#restless.changes += 1;
    this.#sinceMs = nowMs;
    this.#consider(nowMs);
  }

  /** They held still for long enough. */
  rested(): void {
    this.#restless = null;
  }

  /** What is to be said about it in the job's log, once; null: nothing. */
  remark(): string | null {
    const remark = this.#remark;
    this.#remark = null;
    return remark;
  }

  #consider(nowMs: number): void {
    const seen = this.#restless;
    if (seen === null || seen.changes < RESTLESS_CHANGES || nowMs - seen.beganMs < RESTLESS_MS) return;
    this.#restless = null;
    const never = `the files of the checkpoint changed ${seen.changes} times and never held still for ${this.#restMs} ms`;
    const lowered = Math.max(LEAST_MS, Math.floor(seen.longestMs / 2));
    if (this.#given !== null || !seen.rewritten || lowered >= this.#restMs) {
      this.#remark = `${never}: say in \`checkpoint.written\` how it is seen that one is complete`; // SE2
      return;
    }
    this.#restMs = lowered; // SE1
    this.#remark = `${never}: from now on ${lowered} ms are enough (\`checkpoint.written.settleMs\`)`;
  }
}
