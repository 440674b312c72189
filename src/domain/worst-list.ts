/**
 * The worst few of many things, by one number, of the recent past.
 *
 * Y1 What does not belong among the worst is told so by one comparison: nothing has to be made of it.
 * Y2 What is older than the window is forgotten, and makes room.
 */
export interface WorstRule {
  readonly keep: number;
  readonly windowMs: number;
}

interface Entry<Item> {
  readonly badness: number;
  readonly atMs: number;
  readonly item: Item;
}

export class WorstList<Item> {
  readonly #rule: WorstRule;
  #entries: readonly Entry<Item>[] = [];
  #bar = Number.NEGATIVE_INFINITY;

  constructor(rule: WorstRule) {
    this.#rule = rule;
  }

  /** What is not worse than this does not belong in the list (Y1). */
  get bar(): number {
    return this.#bar;
  }

  add(item: Item, badness: number, atMs: number): void {
    this.#keep([...this.#entries, { badness, atMs, item }], atMs);
  }

  /** The worst first. */
  worst(nowMs: number): readonly Item[] {
    this.#keep(this.#entries, nowMs);
    return this.#entries.map(({ item }) => item);
  }

  #keep(entries: readonly Entry<Item>[], nowMs: number): void {
    const { keep, windowMs } = this.#rule;
    this.#entries = entries
      .filter(({ atMs }) => nowMs - atMs < windowMs) // Y2
      .sort((a, b) => b.badness - a.badness)
      .slice(0, keep);
    const last = this.#entries.length < keep ? undefined : this.#entries.at(-1);
    this.#bar = last?.badness ?? Number.NEGATIVE_INFINITY;
  }
}
