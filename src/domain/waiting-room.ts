/**
 * Who waits for a place, and in which order they get one. Pure: time comes with the guests.
 *
 * R1 A higher priority goes first.
 * R2 Within a priority the callers take turns, one request each, so that nobody waits for more than one request of each
 *    other caller, however many those have sent (round robin, as fair queueing has it).
 * R3 Of one caller the one with the earliest deadline goes first; of equal ones, who came first.
 * R4 Coming and going cost the same whatever the number of those that wait; who leaves while waiting is passed over.
 */
import { PRIORITY_ORDER, type Priority } from "./priority.ts";

export interface Guest {
  readonly caller: string;
  readonly priority: Priority;
  /** Monotonic. */
  readonly deadlineAtMs: number;
}

/** Where somebody waits. */
export interface Place<G extends Guest> {
  readonly guest: G;
  waits: boolean;
}

/** What one caller has waiting: places by deadline, of which some may be empty. */
class CallerQueue<G extends Guest> {
  #places: Place<G>[] = [];
  #first = 0;
  size = 0;

  add(place: Place<G>): void {
    const at = this.#after(place.guest.deadlineAtMs);
    if (at === this.#places.length) this.#places.push(place);
    else this.#places.splice(at, 0, place);
    this.size += 1;
  }

  /** Takes the first one out. */
  take(): G | null {
    while (this.#first < this.#places.length) {
      const place = this.#places[this.#first];
      this.#first += 1;
      if (place?.waits !== true) continue;
      place.waits = false;
      this.size -= 1;
      this.#tidy();
      return place.guest;
    }
    return null;
  }

  /** Who would be served last. */
  last(): Place<G> | null {
    return this.#places.findLast(({ waits }) => waits) ?? null;
  }

  left(): void {
    this.size -= 1;
    this.#tidy();
  }

  /** How many would be served before one with this deadline; those that left may be among them. */
  before(deadlineAtMs: number): number {
    return Math.min(this.size, this.#after(deadlineAtMs) - this.#first);
  }

  /** The index behind all whose deadline is not later. */
  #after(deadlineAtMs: number): number {
    let low = this.#first;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#places[middle]?.guest.deadlineAtMs ?? 0) <= deadlineAtMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** R4: throws away empty places when they are the most. */
  #tidy(): void {
    const empty = this.#places.length - this.size;
    if (empty < 32 || empty < this.size) return;
    this.#places = this.#places.filter(({ waits }) => waits);
    this.#first = 0;
  }
}

/** One priority: the callers, in the order of their turns. */
class Rank<G extends Guest> {
  readonly callers = new Map<string, CallerQueue<G>>();
  size = 0;
}

export class WaitingRoom<G extends Guest> {
  readonly #ranks = new Map(PRIORITY_ORDER.map((priority) => [priority, new Rank<G>()]));
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Lets `guest` wait. */
  add(guest: G): Place<G> {
    const rank = this.#rank(guest.priority);
    let queue = rank.callers.get(guest.caller);
    if (queue === undefined) {
      queue = new CallerQueue();
      rank.callers.set(guest.caller, queue);
    }
    const place: Place<G> = { guest, waits: true };
    queue.add(place);
    rank.size += 1;
    this.#size += 1;
    return place;
  }

  /** Whose turn it is; null when nobody waits. */
  next(): G | null {
    for (const rank of this.#ranks.values()) {
      for (const [caller, queue] of rank.callers) {
        const guest = queue.take();
        rank.callers.delete(caller);
        if (queue.size > 0) rank.callers.set(caller, queue); // R2: behind all others.
        if (guest === null) continue;
        rank.size -= 1;
        this.#size -= 1;
        return guest;
      }
    }
    return null;
  }

  /** Gives up a place. @returns whether somebody waited there */
  leave(place: Place<G>): boolean {
    if (!place.waits) return false;
    place.waits = false;
    const { caller, priority } = place.guest;
    const rank = this.#rank(priority);
    const queue = rank.callers.get(caller);
    queue?.left();
    if (queue?.size === 0) rank.callers.delete(caller);
    rank.size -= 1;
    this.#size -= 1;
    return true;
  }

  /** How many would be served before `guest` if it came now and nobody after it; at most so many. */
  ahead({ caller, priority, deadlineAtMs }: Guest): number {
    let higher = 0;
    for (const [name, rank] of this.#ranks) {
      if (name !== priority) {
        higher += rank.size; // R1
        continue;
      }
      const own = rank.callers.get(caller);
      const callers = rank.callers.size + (own === undefined ? 1 : 0);
      const turns = (own?.before(deadlineAtMs) ?? 0) + 1;
      return higher + Math.min(rank.size, turns * callers - 1); // R2
    }
    return higher;
  }

  /** Whom to send away first when there is no room: the last of the caller that has most, of the lowest priority. */
  leastFavoured(): { readonly place: Place<G>; readonly of: number } | null {
    for (const rank of [...this.#ranks.values()].reverse()) {
      let most: CallerQueue<G> | null = null;
      for (const queue of rank.callers.values()) if (queue.size > (most?.size ?? 0)) most = queue;
      const place = most?.last() ?? null;
      if (most !== null && place !== null) return { place, of: most.size };
    }
    return null;
  }

  /** Everybody, out of the room. */
  clear(): G[] {
    const all: G[] = [];
    for (let guest = this.next(); guest !== null; guest = this.next()) all.push(guest);
    return all;
  }

  /** How many `caller` has waiting at this priority. */
  waitingOf(caller: string, priority: Priority): number {
    return this.#rank(priority).callers.get(caller)?.size ?? 0;
  }

  #rank(priority: Priority): Rank<G> {
    const rank = this.#ranks.get(priority);
    if (rank === undefined) throw new TypeError(`no priority ${priority}`);
    return rank;
  }
}
