/** A checkpoint store of which each call ends, with a fault if the store is silent (`store-silence.ts`). */
import { PassThrough, pipeline, type Readable } from "node:stream";
import type {
  CheckpointStore,
  Content,
  CreateOutcome,
  NamedOptions,
  NamedOutcome,
  NameOf,
  Source,
  StoredEntry,
} from "../../src/checkpoints/checkpoints.ts";
import type { StoreSilence } from "./store-silence.ts";

export class AnsweringStore implements CheckpointStore {
  readonly url: string;
  readonly #store: CheckpointStore;
  readonly #silence: StoreSilence;

  constructor(store: CheckpointStore, silence: StoreSilence) {
    this.url = store.url;
    this.#store = store;
    this.#silence = silence;
  }

  create(name: string, source: Source, expected?: { readonly sha256: string }): Promise<CreateOutcome> {
    return this.#silence.answerOf(() => this.#store.create(name, source, expected));
  }

  createNamed(file: string, nameOf: NameOf, options?: NamedOptions): Promise<NamedOutcome> {
    return this.#silence.answerOf(() => this.#store.createNamed(file, nameOf, options));
  }

  /** The content ends with the fault when the store falls silent in between. */
  async get(name: string, from?: number): Promise<Readable | null> {
    const content = await this.#silence.answerOf(() => this.#store.get(name, from));
    if (content === null) return null;
    const passed = new PassThrough();
    let isGivenUp = false;
    const read = (): Promise<void> =>
      new Promise((resolve) => {
        pipeline(content, passed, () => {
          if (!isGivenUp) resolve(); // That it was given up is no answer.
        });
      });
    this.#silence.answerOf(read).catch((error: unknown) => {
      isGivenUp = true;
      passed.destroy(error as Error);
    });
    return passed;
  }

  copyTo(name: string, file: string): Promise<Content | null> {
    return this.#silence.answerOf(() => this.#store.copyTo(name, file));
  }

  stat(name: string): Promise<StoredEntry | null> {
    return this.#silence.answerOf(() => this.#store.stat(name));
  }

  async *list(prefix: string): AsyncIterable<string> {
    const names = this.#store.list(prefix)[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#silence.answerOf(() => names.next());
      if (next.done === true) return;
      yield next.value;
    }
  }

  delete(name: string): Promise<void> {
    return this.#silence.answerOf(() => this.#store.delete(name));
  }

  sweep(): Promise<number> {
    return this.#silence.answerOf(() => this.#store.sweep());
  }
}
