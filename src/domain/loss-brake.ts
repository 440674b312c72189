/**
 * A brake on taking leases away when many workers fall silent at once.
 *
 * Mass failure and a cut network look the same from here, and so does a pause of whatever all of them stand on. If the
 * leases of half a fleet were taken at once, the other half would be flooded with work that is being done, and the
 * network may be back in a moment (Borg rate-limits for this reason; Verma et al. 2015, §3.4).
 *
 * LB1 The brake is on when of at least three silent or lately lost workers there are more than half of all, or more
 *     than twenty.
 * LB2 While it is on, one worker a second is given up, of large fleets one in fifty; who is heard of again meanwhile
 *     has lost nothing.
 * LB3 Nobody waits for ever: the brake only slows down.
 */

/** So long a worker that was given up counts as lately lost, ms. */
const LATELY_MS = 10_000;
const AT_LEAST = 3;
const SHARE = 1 / 2;
const MANY = 20;
const PACE_MS = 1_000;
const PACE_SHARE = 1 / 50;

export type Braking =
  | { readonly kind: "off"; readonly giveUp: readonly string[] }
  | {
      readonly kind: "on";
      readonly giveUp: readonly string[];
      /** Silent workers that keep their leases for now. */
      readonly spared: readonly string[];
      /** Silent or lately lost, of all. */
      readonly silent: number;
      readonly workers: number;
    };

export class LossBrake {
  /** When workers were given up, on the caller's monotonic clock. */
  #givenUp: number[] = [];
  #paceMs = -Infinity;

  /**
   * Which of the silent workers may be given up now.
   * @param silent longest silent first
   * @param alive workers that are heard of, the silent ones not among them
   */
  look(silent: readonly string[], alive: number, nowMs: number): Braking {
    this.#givenUp = this.#givenUp.filter((atMs) => nowMs - atMs < LATELY_MS);
    const gone = silent.length + this.#givenUp.length;
    const workers = alive + gone;
    const isOn = gone >= AT_LEAST && (gone > workers * SHARE || gone > MANY); // LB1
    if (silent.length === 0 || !isOn) return { kind: "off", giveUp: this.#note(silent, nowMs) };
    const pace = nowMs - this.#paceMs < PACE_MS ? 0 : Math.max(1, Math.floor(workers * PACE_SHARE)); // LB2
    if (pace > 0) this.#paceMs = nowMs;
    const giveUp = this.#note(silent.slice(0, pace), nowMs);
    return { kind: "on", giveUp, spared: silent.slice(pace), silent: gone, workers };
  }

  #note(workers: readonly string[], nowMs: number): readonly string[] {
    this.#givenUp.push(...workers.map(() => nowMs));
    return workers;
  }
}
