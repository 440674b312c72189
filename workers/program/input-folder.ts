/**
 * The input files of a program over all its starts in one attempt: each start finds what it would find in a fresh folder.
 *
 * IN1 What the checkpoint brings along, or has taken over as the program's own, is not laid out again.
 * IN2 A file whose source speaks of the start (`${start:…|resume:…}`, `${newest:…}`) is made for each, when the files of
 *     the checkpoint are there, and whoever else has it.
 * IN3 Of the others what the program, or who asked it for a checkpoint, has changed or removed is laid out anew.
 * IN4 Beside a checkpoint they are as old as its oldest file: a program that compares times (make, and what is like it)
 *     would find all that it has made older than what it was made of, and make it again.
 */
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import type { FileSource } from "../../src/tasks/program/definition.ts";
import { isOfStart, namesIn, type Scope, type StartKind } from "../../src/tasks/program/expand.ts";
import { lookAround } from "./folder-look.ts";
import { type InputFilesOptions, layOutFiles } from "./input-files.ts";

export interface InputFolderOptions extends Omit<InputFilesOptions, "scope" | "isWanted"> {
  readonly files: Readonly<Record<string, FileSource>>;
  readonly scopeOf: (kind: StartKind) => Scope;
  /** Time of the oldest file of the checkpoint, ms since 1970; null: there is none (IN4). */
  readonly oldestMs: number | null;
  /** Is it of the checkpoint by its name (IN1)? */
  readonly isOfCheckpoint: (name: string) => boolean;
}

type Laid = ReadonlyMap<string, string>;

export class InputFolder {
  readonly #options: InputFolderOptions;
  readonly #lasting: Readonly<Record<string, FileSource>>;
  readonly #ofStart: Readonly<Record<string, FileSource>>;
  #laid: Laid = new Map();

  constructor(options: InputFolderOptions) {
    const all = Object.entries(options.files);
    this.#options = options;
    this.#lasting = Object.fromEntries(all.filter(([, source]) => !speaksOfStart(source)));
    this.#ofStart = Object.fromEntries(all.filter(([, source]) => speaksOfStart(source))); // IN2
  }

  /** Into the empty folder, before the files of the checkpoint. @param restored their names. @throws as `layOutFiles` */
  async layOut(kind: StartKind, restored: ReadonlySet<string>): Promise<void> {
    await this.#lay(this.#lasting, kind, (name) => !restored.has(name)); // IN1
    await this.#setTimes([...this.#look().keys()]);
    this.#laid = this.#look();
  }

  /** Before a start. @returns how many files were laid out. @throws as `layOutFiles` */
  async renew(kind: StartKind): Promise<number> {
    const now = this.#look();
    const { isOfCheckpoint } = this.#options;
    const changed = [...this.#laid].flatMap(([name, signature]) =>
      now.get(name) === signature || isOfCheckpoint(name) ? [] : [name],
    );
    if (changed.length > 0) {
      const isWanted = (name: string): boolean => changed.some((each) => each === name || each.startsWith(`${name}/`));
      await this.#lay(this.#lasting, kind, isWanted); // IN3
      const there = this.#look();
      await this.#setTimes(changed.filter((name) => there.has(name)));
      const anew = this.#look();
      this.#laid = new Map([...this.#laid.keys()].map((name) => [name, anew.get(name) ?? ""]));
    }
    await this.#lay(this.#ofStart, kind, () => true);
    return changed.length + Object.keys(this.#ofStart).length;
  }

  async #lay(
    files: Readonly<Record<string, FileSource>>,
    kind: StartKind,
    isWanted: InputFilesOptions["isWanted"],
  ): Promise<void> {
    await layOutFiles(files, { ...this.#options, scope: this.#options.scopeOf(kind), isWanted });
  }

  /** IN4 */
  async #setTimes(names: readonly string[]): Promise<void> {
    const { folder, oldestMs } = this.#options;
    if (oldestMs === null) return;
    const time = Math.floor(oldestMs) / 1000;
    for (const name of names) await utimes(join(folder, name), time, time);
  }

  #look(): Laid {
    return new Map(lookAround(this.#options.folder).map(({ name, signature }) => [name, signature]));
  }
}

function speaksOfStart(source: FileSource): boolean {
  return namesIn(JSON.stringify(source)).some(isOfStart);
}
