/**
 * What was made lately, by key: a bounded cache that gives up what was not used for longest.
 *
 * Q1 Who asks while a value is being made waits for the same one; a failure is not kept.
 */
export class Recent<Key, Value> {
  readonly #capacity: number;
  /** In order of last use, the longest unused first. */
  readonly #values = new Map<Key, Promise<Value>>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The value of `key`, made by `make` unless it is at hand. */
  get(key: Key, make: () => Promise<Value>): Promise<Value> {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    value.catch(() => {
      if (this.#values.get(key) === value) this.#values.delete(key); // Q1
    });
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#capacity) break;
      this.#values.delete(oldest);
    }
    return value;
  }
}
