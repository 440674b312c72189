/**
 * Does a replica take what is sent to it? Asked of each of its tasks apart, since each has a reader of its own.
 *
 * The story told most often about queues is the worker that is up, connected, even beating, and takes nothing. So
 * neither a connection nor a beat counts as proof, only work.
 *
 * Y1 What it took since the last look proves it; a canary is sent only where nothing else did, every two seconds.
 * Y2 Three canaries in a row without an answer, and it is not well: `deaf` when it took nothing all that time by its
 *    own count, `mute` when it took but nobody heard of it.
 * Y3 Time in which it could not have taken anything is not held against it: no free slot, an event loop that stands
 *    still. But nobody's handlers run longer than a deadline may be: without a free slot, and nothing taken, for
 *    longer than that, it is `clogged`.
 */
export const CANARY_EVERY_MS = 2_000;
const MISSES = 3;
/** Longer than any deadline. */
const CLOGGED_MS = 70_000;

/** What a replica's beat says of one of its tasks. */
export interface LaneSign {
  /** Entries it has taken since its start; null: it does not say. */
  readonly taken: number | null;
  /** How many more it could start now. */
  readonly free: number;
  readonly turning: "yes" | "no";
}

export type LaneVerdict = "well" | "deaf" | "mute" | "clogged";

export class CanaryJudge {
  #taken: number | null = null;
  #takenAtMs: number;
  #provenAtMs: number;
  /** Since when a canary is under way. */
  #askedAtMs: number | null = null;
  #firstAskedMs = 0;
  #misses = 0;
  #clogged: "yes" | "no" = "no";

  /** @param nowMs monotonic */
  constructor(nowMs: number) {
    this.#takenAtMs = nowMs;
    this.#provenAtMs = nowMs;
  }

  /** With each reading of the beats. @returns whether a canary is to be sent now; it then counts as sent */
  look(sign: LaneSign, nowMs: number): "send" | "wait" {
    if (sign.taken !== this.#taken) {
      this.#taken = sign.taken;
      this.#takenAtMs = nowMs;
      if (this.#askedAtMs === null && this.#misses === 0) this.#provenAtMs = nowMs; // Y1
    }
    this.#clogged = sign.free <= 0 && nowMs - this.#takenAtMs > CLOGGED_MS ? "yes" : "no";
    if (sign.turning === "no" || sign.free <= 0) {
      this.excuse(nowMs); // Y3
      return "wait";
    }
    const due = this.#misses > 0 || nowMs - this.#provenAtMs >= CANARY_EVERY_MS;
    if (this.#askedAtMs !== null || !due) return "wait";
    this.#askedAtMs = nowMs;
    if (this.#misses === 0) this.#firstAskedMs = nowMs;
    return "send";
  }

  /** The canary came back. */
  answered(nowMs: number): void {
    this.#askedAtMs = null;
    this.#misses = 0;
    this.#provenAtMs = nowMs;
  }

  /** The canary did not come back in time. @returns whether that counts */
  missed(): "counts" | "excused" {
    if (this.#askedAtMs === null) return "excused";
    this.#askedAtMs = null;
    this.#misses += 1;
    return "counts";
  }

  /** Whoever asks could not hear: this canary counts neither way. */
  void(): void {
    this.#askedAtMs = null;
  }

  /** Nothing can be said about the time until now. */
  excuse(nowMs: number): void {
    this.#askedAtMs = null;
    this.#misses = 0;
    this.#provenAtMs = nowMs;
  }

  /** Y2 */
  get verdict(): LaneVerdict {
    if (this.#clogged === "yes") return "clogged";
    if (this.#misses < MISSES) return "well";
    return this.#taken !== null && this.#takenAtMs >= this.#firstAskedMs ? "mute" : "deaf";
  }
}
