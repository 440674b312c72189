/**
 * How the attempts of one task at one replica went lately: counted in slices, so that counting costs an addition and
 * old times are forgotten.
 *
 * O1 The latest slices tell what goes on now (`quick`), all of them whether it lasts (`lasting`).
 */

/** A slice ends with each reading of the beats, four times a second. */
const QUICK_SLICES = 2;
const LASTING_SLICES = 40;

export interface Tally {
  /** Answered in time. */
  readonly good: number;
  /** Answered late, or overtaken by an attempt that was sent later to another replica. */
  readonly slow: number;
  readonly failed: number;
}

/** What can be said of a replica. */
export interface Conduct {
  /** The last half second. */
  readonly quick: Tally;
  /** The last ten seconds. */
  readonly lasting: Tally;
  /** Attempts it has at present that are too old already. */
  readonly overdue: number;
}

export class TrackRecord {
  readonly #good = new Uint32Array(LASTING_SLICES);
  readonly #slow = new Uint32Array(LASTING_SLICES);
  readonly #failed = new Uint32Array(LASTING_SLICES);
  #at = 0;
  #overdue = 0;

  good(): void {
    this.#good[this.#at] = (this.#good[this.#at] ?? 0) + 1;
  }

  slow(): void {
    this.#slow[this.#at] = (this.#slow[this.#at] ?? 0) + 1;
  }

  failed(): void {
    this.#failed[this.#at] = (this.#failed[this.#at] ?? 0) + 1;
  }

  /** What is to be judged now, and begins the next slice. @param overdue attempts open for too long */
  turn(overdue: number): Conduct {
    this.#overdue = overdue;
    const conduct = this.conduct;
    this.#at = (this.#at + 1) % LASTING_SLICES;
    for (const counts of [this.#good, this.#slow, this.#failed]) counts[this.#at] = 0;
    return conduct;
  }

  get conduct(): Conduct {
    return { quick: this.#sum(QUICK_SLICES), lasting: this.#sum(LASTING_SLICES), overdue: this.#overdue };
  }

  /** Nothing that was seen counts any more: whoever looked was not able to. */
  forget(): void {
    for (const counts of [this.#good, this.#slow, this.#failed]) counts.fill(0);
    this.#overdue = 0;
  }

  #sum(slices: number): Tally {
    let [good, slow, failed] = [0, 0, 0];
    for (let back = 0; back < slices; back += 1) {
      const at = (this.#at - back + LASTING_SLICES) % LASTING_SLICES;
      good += this.#good[at] ?? 0;
      slow += this.#slow[at] ?? 0;
      failed += this.#failed[at] ?? 0;
    }
    return { good, slow, failed };
  }
}
