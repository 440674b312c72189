/** The files of a checkpoint in the working folder, as the program's contract names them. */
import { type FolderLink, type Look, matcher, type Matches, walk } from "./folder-look.ts";

export interface CheckpointPatterns {
  /** Each must match at least one file. */
  readonly files: readonly string[];
  readonly optional: readonly string[];
  readonly exclude: readonly string[];
  readonly replaced: readonly string[];
  readonly appended: readonly string[];
  /** Those of them that are kept up to their last whole line. */
  readonly lines: readonly string[];
  /** What tells that a checkpoint is complete: a file, a link, a folder. */
  readonly marker: string | null;
  /** Files that tell it by their last line. */
  readonly ending: string | null;
}

/** What lies there at one moment. */
export interface FilesLook {
  /** They hold still when the checkpoint is complete. */
  readonly steady: readonly string[];
  /** Of all of them. */
  readonly looks: readonly Look[];
  /** Those of them that are replaced by renaming. */
  readonly replaced: ReadonlySet<string>;
  /** They may grow meanwhile. */
  readonly appended: readonly string[];
  /** Those of them that are kept up to their last whole line. */
  readonly lines: ReadonlySet<string>;
  /** Symbolic links: they go along as links. */
  readonly links: readonly FolderLink[];
  /** Those of `steady` whose last line tells that they are complete. */
  readonly endings: readonly string[];
  /** Size of `steady`. */
  readonly bytes: number;
  /** Patterns that match nothing. */
  readonly missing: readonly string[];
  /** Equal when nothing of `steady` has changed. */
  readonly signature: string;
  /** The same of `appended`. */
  readonly growth: string;
  readonly markers: string;
}

export class CheckpointFiles {
  readonly #folder: string;
  readonly #required: readonly (readonly [string, Matches])[];
  readonly #wanted: Matches;
  readonly #excluded: Matches;
  readonly #replaced: Matches;
  readonly #appended: Matches;
  readonly #lines: Matches;
  readonly #marker: Matches;
  readonly #ending: Matches;

  constructor(folder: string, patterns: CheckpointPatterns) {
    const { files, optional, exclude, replaced, appended, lines, marker, ending } = patterns;
    this.#folder = folder;
    this.#required = files.map((pattern) => [pattern, matcher([pattern])]);
    this.#wanted = matcher([...files, ...optional, ...replaced, ...appended]);
    this.#excluded = matcher(exclude);
    this.#replaced = matcher(replaced);
    this.#appended = matcher(appended);
    this.#lines = matcher(lines);
    this.#marker = matcher(marker === null ? [] : [marker]);
    this.#ending = matcher(ending === null ? [] : [ending]);
  }

  /** Is it of the checkpoint by its name, whatever it is? */
  covers(name: string): boolean {
    return this.#wanted(name) && !this.#excluded(name);
  }

  look(): FilesLook {
    const all = walk(this.#folder);
    const isOfIt = ({ name }: { readonly name: string }): boolean => this.covers(name) && !name.includes("\\");
    const wanted = all.files.filter(isOfIt);
    const links = all.links.filter(isOfIt);
    const steady = wanted.filter(({ name }) => !this.#appended(name));
    const growing = wanted.filter(({ name }) => this.#appended(name));
    const names = steady.map(({ name }) => name);
    return {
      steady: names,
      looks: wanted,
      replaced: new Set(names.filter(this.#replaced)),
      appended: growing.map(({ name }) => name),
      lines: new Set(growing.map(({ name }) => name).filter(this.#lines)),
      links,
      endings: names.filter(this.#ending),
      bytes: steady.reduce((sum, { bytes }) => sum + bytes, 0),
      missing: this.#required
        .filter(([, matches]) => ![...wanted, ...links].some(({ name }) => matches(name)))
        .map(([text]) => text),
      signature: [signatureOf(steady), ...links.map(signatureOfLink)].join("\n"),
      growth: signatureOf(growing),
      // A link to the newest, or a folder that is renamed when it is whole, says it as well as a file.
      markers: [
        signatureOf(all.files.filter(({ name }) => this.#marker(name))),
        ...all.links.filter(({ name }) => this.#marker(name)).map(signatureOfLink),
        ...all.others.filter(this.#marker),
      ]
        .filter((text) => text !== "")
        .join("\n"),
    };
  }
}

function signatureOf(files: readonly Look[]): string {
  return files.map(({ signature }) => signature).join("\n");
}

function signatureOfLink({ name, target }: FolderLink): string {
  return `${name} -> ${target}`;
}
