/**
 * Checkpoints of a program whose files are one at any moment (`written.always`, or all of them only grow): when one is
 * wanted the program is paused, its files are frozen as they lie, and it goes on.
 *
 * AM1 What it has printed is read first: the copy of its standard output is of the same moment, and so is its progress.
 * AM2 What only grows is copied when it goes on again, as long as it was; so a journal of any size costs it nothing.
 * AM3 That its files hold still is asked all the same: what writes to them may be none of its processes.
 * AM4 Nothing new since the last one is no checkpoint: it would cost a pause, and be the same. What a program writes
 *     through its memory shows in no time, so of one that does there may always be something new.
 * AM5 A file that it has open for writing, and that does not go along, is named once: of a database it may be its log.
 */
import type { Clock } from "../../src/runtime/clock.ts";
import type { Progress } from "../keeper/protocol.ts";
import type { CheckpointFiles, FilesLook } from "./checkpoint-files.ts";
import type { Answered } from "./answered.ts";
import type { Completeness } from "./completeness.ts";
import { mappedOf } from "./mapped-content.ts";
import { openForWriting } from "./open-files.ts";
import { Pause } from "./pause.ts";
import type { ProcessRun } from "./process-run.ts";
import type { ProcessTree } from "./process-tree.ts";
import type { ProgramGroup } from "./program-group.ts";
import type { Freeze, Shelf } from "./shelf.ts";

/** A program that stood still for so long for a checkpoint is told of, once. */
const LONG_PAUSE_MS = 1_000;

export interface AnyMomentOptions {
  readonly folder: string;
  readonly tree: ProcessTree;
  readonly group: ProgramGroup | null;
  readonly clock: Clock;
  readonly files: CheckpointFiles;
  readonly shelf: Shelf;
  readonly completeness: Completeness;
  /** One freezing or handing over at a time. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly progress: () => Progress | null;
  readonly note: (text: string) => void;
  readonly onCopying: Freeze["onCopying"];
}

interface Taking {
  readonly then: "go_on" | "hold";
  readonly answer: (answered: Answered) => void;
  readonly fail: (error: unknown) => void;
}

export class AnyMoment {
  readonly #options: AnyMomentOptions;
  #taking: Taking | null = null;
  #saidPause = false;
  readonly #saidOpen = new Set<string>();

  constructor(options: AnyMomentOptions) {
    this.#options = options;
  }

  /**
   * Takes one at the next look; rejects when a file cannot be copied.
   * @param then `hold`: the program stays paused behind it, to be ended
   */
  take(then: "go_on" | "hold"): Promise<Answered> {
    return new Promise((answer, fail) => (this.#taking = { then, answer, fail }));
  }

  /** Another checkpoint was frozen meanwhile, or nobody is asked any more. */
  answer(answered: Answered): "told" | "nobody" {
    const taking = this.#taking;
    this.#taking = null;
    taking?.answer(answered);
    return taking === null ? "nobody" : "told";
  }

  /** Called often while the program runs. */
  async look(run: Pick<ProcessRun, "drained">): Promise<"all_match" | "unknown"> {
    const taking = this.#taking;
    if (taking === null) return "unknown";
    const { files, inTurn } = this.#options;
    const why = nothingIn(files.look()) ?? this.#nothingNew(files.look(), taking.then);
    try {
      if (why === null) this.answer(await inTurn(() => this.#freeze(run, taking.then)));
      else this.answer(why);
    } catch (error) {
      this.#taking = null;
      taking.fail(error);
    }
    return nothingIn(files.look()) === null ? "all_match" : "unknown";
  }

  /** AM4. @returns null: there is something new, or it is the last one */
  #nothingNew(look: FilesLook, then: Taking["then"]): Answered | null {
    const { completeness, shelf } = this.#options;
    if (then === "hold" || completeness.hasNews(look)) return null;
    if (mappedOf(look, this.#options).length > 0) return null;
    // One that could not be stored is handed over once more.
    return shelf.isFresh
      ? { kind: "frozen" }
      : { kind: "nothing", why: "nothing of it has changed since the last one" };
  }

  async #freeze(run: Pick<ProcessRun, "drained">, then: Taking["then"]): Promise<Answered> {
    const { tree, group, clock } = this.#options;
    const pause = new Pause({ tree, group, clock });
    let answered: Answered | null = null;
    try {
      const stuck = await pause.begin();
      answered = stuck === null ? await this.#freezePaused(run, pause, then) : { kind: "failed", why: stuck };
      return answered;
    } finally {
      if (then === "go_on" || answered?.kind !== "frozen") pause.end();
    }
  }

  async #freezePaused(run: Pick<ProcessRun, "drained">, pause: Pause, then: Taking["then"]): Promise<Answered> {
    const { files, shelf, progress, onCopying, completeness } = this.#options;
    await run.drained(); // AM1
    const look = files.look();
    const nothing = nothingIn(look);
    if (nothing !== null) return nothing;
    this.#tellOpen();
    const changed = await shelf.freeze(look, {
      progress: progress(),
      blockedMs: () => pause.stoodMs,
      mapped: [], // Nobody writes there now.
      onCopying,
      release: () => {
        const broken = pause.broken();
        if (then === "go_on") pause.end(); // AM2
        return broken;
      },
    });
    if (changed !== null) return { kind: "failed", why: changed }; // AM3
    completeness.begin(look);
    this.#tellPause(pause.stoodMs, look.bytes);
    return { kind: "frozen" };
  }

  /** AM5 */
  #tellOpen(): void {
    const { tree, folder, files, note } = this.#options;
    const open = openForWriting(
      tree.look().map(({ pid }) => pid),
      folder,
    );
    const news = [...(open ?? [])].filter(
      (name) => !files.covers(name) && !name.endsWith(" (deleted)") && !this.#saidOpen.has(name),
    );
    for (const name of news) this.#saidOpen.add(name);
    if (news.length === 0) return;
    note(
      `the program writes to ${news.join(", ")} too, which no pattern of \`checkpoint.files\` or \`optional\` covers: ` +
        "it will not be there when it resumes",
    );
  }

  #tellPause(stoodMs: number, bytes: number): void {
    if (stoodMs < LONG_PAUSE_MS || this.#saidPause) return;
    this.#saidPause = true;
    this.#options.note(
      `the program stood still for ${Math.round(stoodMs)} ms while ${bytes} bytes of its files were frozen; on a file ` +
        "system that shares them (reflinks: XFS, Btrfs) that takes a moment, as it does everywhere of `appended` ones",
    );
  }
}

function nothingIn({ missing }: FilesLook): Answered | null {
  if (missing.length === 0) return null;
  return { kind: "nothing", why: `no file matches ${missing.join(", ")} (\`checkpoint.files\`)` };
}
