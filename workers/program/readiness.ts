/**
 * From when on a program can be asked for a checkpoint: asked before, some lose the request, and some write what is no
 * state yet, from which no attempt would get on.
 *
 * RD1 Each start of the program begins anew: what it said or made before says nothing of the process that runs now.
 * RD2 Once it is ready it stays so: a file that told it may vanish again.
 */
import { matcher, type Matches, namesIn } from "./folder-look.ts";

/** One of the two. */
export interface ReadySign {
  readonly text: RegExp | null;
  readonly file: string | null;
}

export class Readiness {
  readonly #folder: string;
  readonly #text: RegExp | null;
  readonly #file: Matches | null;
  #ready = false;

  /** @param sign null: it is ready from its start */
  constructor(sign: ReadySign | null, folder: string) {
    this.#folder = folder;
    this.#text = sign?.text ?? null;
    const pattern = sign?.file ?? null;
    this.#file = pattern === null ? null : matcher([pattern]);
  }

  /** The program is started (RD1). */
  begin(): void {
    this.#ready = this.#text === null && this.#file === null;
  }

  /** A line of its output. */
  line(text: string): void {
    this.#ready ||= this.#text?.test(text) === true;
  }

  get isReady(): boolean {
    if (!this.#ready && this.#file !== null) this.#ready = namesIn(this.#folder).some(this.#file);
    return this.#ready;
  }
}
