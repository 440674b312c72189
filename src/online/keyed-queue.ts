/**
 * Entries that come and go thousands of times a second: in the order in which they came, found by key.
 *
 * A Map does the same, and costs a process that lives long a fifth of its time. The table of a Map is replaced each
 * time it is full of entries that were deleted, and V8 has the old table point to the new one, for iterators. Once one
 * of these tables has become old, every later one is reachable from it, with all the entries that were ever in them:
 * what was over after 3 ms is copied twice and moved to the old generation, 2 KB for each request, until the next full
 * collection, which makes the table of that time old, and all begins again.
 *
 * Q1 What has left refers to nothing that is still here, or came later, so that no dead entry keeps another alive.
 * Q2 Each operation takes the same time, however many entries there are; `values` and a growth look at all.
 */
export type Key = string | number;

interface Node<V> {
  readonly key: Key;
  readonly hash: number;
  value: V | null;
  /** In the order of arrival. */
  earlier: Node<V> | null;
  later: Node<V> | null;
  /** In its bucket. */
  next: Node<V> | null;
}

/** A power of two. */
const FIRST_BUCKETS = 64;
/** Keys that count up differ at their end. */
const LETTERS_THAT_TELL = 8;

export class KeyedQueue<V extends object> {
  #buckets: (Node<V> | null)[] = buckets(FIRST_BUCKETS);
  #oldest: Node<V> | null = null;
  #newest: Node<V> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** What came first of all that is here. */
  get oldest(): V | null {
    return this.#oldest?.value ?? null;
  }

  /** Adds `value` as the newest; what had the same key leaves. */
  add(key: Key, value: V): void {
    this.delete(key);
    if (this.#size >= this.#buckets.length) this.#grow();
    const hash = hashOf(key);
    const at = hash & (this.#buckets.length - 1);
    const node: Node<V> = { key, hash, value, earlier: this.#newest, later: null, next: this.#buckets[at] ?? null };
    this.#buckets[at] = node;
    if (this.#newest === null) this.#oldest = node;
    else this.#newest.later = node;
    this.#newest = node;
    this.#size += 1;
  }

  get(key: Key): V | undefined {
    let node = this.#buckets[hashOf(key) & (this.#buckets.length - 1)] ?? null;
    while (node !== null && node.key !== key) node = node.next;
    return node?.value ?? undefined;
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  /** @returns whether it was here */
  delete(key: Key): boolean {
    const at = hashOf(key) & (this.#buckets.length - 1);
    let before: Node<V> | null = null;
    let node = this.#buckets[at] ?? null;
    while (node !== null && node.key !== key) {
      before = node;
      node = node.next;
    }
    if (node === null) return false;
    if (before === null) this.#buckets[at] = node.next;
    else before.next = node.next;
    if (node.earlier === null) this.#oldest = node.later;
    else node.earlier.later = node.later;
    if (node.later === null) this.#newest = node.earlier;
    else node.later.earlier = node.earlier;
    this.#size -= 1;
    node.value = node.earlier = node.later = node.next = null; // Q1
    return true;
  }

  /** All that are here now, oldest first; safe while some of them leave. */
  values(): V[] {
    const all: V[] = [];
    for (let node = this.#oldest; node !== null; node = node.later) if (node.value !== null) all.push(node.value);
    return all;
  }

  #grow(): void {
    const wider = buckets<V>(2 * this.#buckets.length);
    for (let node = this.#oldest; node !== null; node = node.later) {
      const at = node.hash & (wider.length - 1);
      node.next = wider[at] ?? null;
      wider[at] = node;
    }
    this.#buckets = wider;
  }
}

function buckets<V>(count: number): (Node<V> | null)[] {
  return Array.from({ length: count }, () => null);
}

function hashOf(key: Key): number {
  if (typeof key === "number") return key;
  let hash = 0;
  for (let at = Math.max(0, key.length - LETTERS_THAT_TELL); at < key.length; at++) {
    hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0;
  }
  return hash ^ (hash >>> 15);
}
