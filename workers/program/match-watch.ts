/**
 * Says in the job's log that a pattern of `checkpoint` has matched no file so far, or that files which match are never
 * seen to be complete: something is probably mistyped, and the job would run to its end without a checkpoint and
 * without a word.
 *
 * MW1 Once after a while, and once more at the end of a program that has got that far without one.
 * MW2 Not of a program that is asked for its checkpoints: before it is, there may be none; and then it is said who asked.
 * MW3 Of files that are never complete it is said a minute after they were first seen to change, as writing one may take
 *     long; where rest tells, `settling.ts` speaks of that.
 */
import type { CheckpointFiles } from "./checkpoint-files.ts";

const AFTER_MS = 10_000;
/** MW3 */
const UNWRITTEN_MS = 60_000;
const NAMES_TOLD = 5;
const HINT = " (`checkpoint.written`)";

/** Why what is there and changes is not complete, and what was to tell that it is. */
export interface Unwritten {
  readonly why: string;
  readonly by: "word" | "rest";
}

export interface MatchWatchOptions {
  readonly files: Pick<CheckpointFiles, "look">;
  /** Was there a moment at which all patterns matched? A program may remove its checkpoint when it is done. */
  readonly hasMatched: () => boolean;
  /** Of an attempt none of whose checkpoints was ever complete though its files changed; null: it is no such. */
  readonly unwritten: () => Unwritten | null;
  /** Names of the files that lie in the folder. */
  readonly names: () => readonly string[];
  readonly beginMs: number;
  readonly note: (text: string) => void;
  /** As `note`, and for who asks how the job stands. */
  readonly onDropped: (why: string) => void;
}

export class MatchWatch {
  readonly #options: MatchWatchOptions;
  #isTold = false;
  #unwrittenSinceMs: number | null = null;
  #isUnwrittenTold = false;

  constructor(options: MatchWatchOptions) {
    this.#options = options;
  }

  /** Called often while the program runs. */
  look(nowMs: number): void {
    this.#lookForWord(nowMs);
    if (this.#isTold || nowMs - this.#options.beginMs < AFTER_MS) return;
    this.#isTold = true; // MW1
    this.#tell((patterns) => `no file matches ${patterns} so far, so there is no checkpoint`);
  }

  /** The program has ended, and not with a checkpoint. */
  ended(): void {
    const unwritten = this.#options.unwritten();
    if (unwritten !== null) this.#options.note(`this attempt made no checkpoint: ${unwritten.why}${HINT}`);
    this.#tell((patterns) => `no file matched ${patterns} until the end: this attempt made no checkpoint`);
  }

  /** MW3 */
  #lookForWord(nowMs: number): void {
    if (this.#isUnwrittenTold) return;
    const unwritten = this.#options.unwritten();
    if (unwritten?.by !== "word") return;
    this.#unwrittenSinceMs ??= nowMs;
    if (nowMs - this.#unwrittenSinceMs < UNWRITTEN_MS) return;
    this.#isUnwrittenTold = true;
    this.#options.onDropped(`its files change, and none is complete so far: ${unwritten.why}${HINT}`);
  }

  #tell(sentence: (patterns: string) => string): void {
    const { files, names, note, hasMatched } = this.#options;
    if (hasMatched()) return;
    const { missing } = files.look();
    if (missing.length === 0) return;
    const all = names();
    const more = all.length > NAMES_TOLD ? ` and ${all.length - NAMES_TOLD} more` : "";
    const there = all.length === 0 ? "no file" : `${all.slice(0, NAMES_TOLD).join(", ")}${more}`;
    note(`${sentence(missing.join(", "))} (\`checkpoint.files\`); in the working folder is ${there}`);
  }
}
