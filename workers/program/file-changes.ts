/**
 * Which files of a checkpoint change, and how: written in place, or by a new file that takes the place of the old one.
 *
 * FC1 It is only for the words to a person, and decides nothing: a file that is removed and written anew looks the same
 *     from outside, and is torn for a while.
 */
import type { Look } from "./folder-look.ts";

/** Changes by which it is told how a file is written. */
const ENOUGH = 3;

interface Seen {
  look: Look;
  replaced: number;
  inPlace: number;
}

export class FileChanges {
  readonly #files = new Map<string, Seen>();
  #latest: readonly string[] = [];

  /** What lies there now. */
  look(looks: readonly Look[]): void {
    this.#latest = looks.filter((look) => this.#isOther(look)).map(({ name }) => name);
  }

  /** Names of those that were other than at the look before, or new. */
  get latest(): readonly string[] {
    return this.#latest;
  }

  /** Names of those that have changed often, each time by a new file in their place (FC1). */
  get replaced(): readonly string[] {
    return [...this.#files].flatMap(([name, { replaced, inPlace }]) =>
      replaced >= ENOUGH && inPlace === 0 ? [name] : [],
    );
  }

  /** Names of those that have changed often, in place. */
  get #rewritten(): readonly string[] {
    return [...this.#files].flatMap(([name, { inPlace }]) => (inPlace > 0 ? [name] : []));
  }

  /** What is to be said about how they change, to follow a sentence; empty: nothing. @param known patterns say so already */
  remark(known: ReadonlySet<string>): string {
    if (this.#rewritten.length > 0) return "";
    const news = this.replaced.filter((name) => !known.has(name));
    if (news.length === 0) return this.#besides(known);
    return (
      `; each time that ${news.slice(0, 3).join(", ")} changes it is another file of that name: if the program writes it ` +
      "under another name and renames it, say so in `checkpoint.replaced`"
    );
  }

  /** A file that is renamed is whole at once only where it is all of the checkpoint: others may be a part still to come. */
  #besides(known: ReadonlySet<string>): string {
    const [only, ...more] = this.replaced;
    const others = [...this.#files.keys()].filter((name) => !known.has(name));
    if (only === undefined || more.length > 0 || others.length === 0) return "";
    return (
      `; beside it there is ${others.slice(0, 3).join(", ")}, so that ${only} is renamed does not tell that all are ` +
      `complete: if it comes last, say \`checkpoint.written: { file: ${only} }\``
    );
  }

  #isOther(look: Look): boolean {
    const seen = this.#files.get(look.name);
    if (seen === undefined) this.#files.set(look.name, { look, replaced: 0, inPlace: 0 });
    else if (seen.look.signature === look.signature) return false;
    else {
      if (seen.look.inode === look.inode) seen.inPlace += 1;
      else seen.replaced += 1;
      seen.look = look;
    }
    return true;
  }
}
