/**
 * Who is alive, judged by counters that move: the failure detector of those who watch beats.
 *
 * J1 Only the observer's own monotonic clock counts, and only the time since it saw a counter change.
 * J2 After a gap in the observer's own reads every age starts afresh: its blindness is nobody's death.
 * J3 When more than half would become suspect at once the fault is more likely the observer's, or Redis's: nobody
 *    becomes suspect until it has lasted for `panicMs`.
 * J4 Whoever was never seen to move is not live; what is left in Redis by the dead of yesterday serves nobody.
 * J5 A counter that moves again is live again at once.
 */
export type Standing = "unproven" | "live" | "suspect" | "lost";

export interface BeatRule {
  /** Without a change for so long: suspect. */
  readonly suspectMs: number;
  /** Without a change for so long: lost. */
  readonly lostMs: number;
  /** A pause of the observer's own reads that counts as a gap (J2). */
  readonly gapMs: number;
  /** How long J3 holds. */
  readonly panicMs: number;
}

/** Replicas beat every 250 ms, from a thread of their own. */
export const REPLICA_BEATS: BeatRule = { suspectMs: 750, lostMs: 1_500, gapMs: 600, panicMs: 5_000 };

/** `gone`: its entry was taken away, which is how one leaves in order. */
export interface StandingChange {
  readonly id: string;
  readonly from: Standing | "new";
  readonly to: Standing | "gone";
}

interface Watched {
  counter: number;
  changedAtMs: number;
  standing: Standing;
}

export class BeatJudge {
  readonly #rule: BeatRule;
  readonly #watched = new Map<string, Watched>();
  #observedAtMs: number | null = null;
  #panicSinceMs: number | null = null;

  constructor(rule: BeatRule) {
    this.#rule = rule;
  }

  standing(id: string): Standing | "unknown" {
    return this.#watched.get(id)?.standing ?? "unknown";
  }

  /** For how long `id` has shown no new beat, ms; 0 when it is not known. @param nowMs monotonic */
  silenceMs(id: string, nowMs: number): number {
    const one = this.#watched.get(id);
    return one === undefined ? 0 : nowMs - one.changedAtMs;
  }

  /**
   * One successful read of all beats.
   *
   * @param counters id → counter
   * @param nowMs monotonic, taken after the read came back
   * @returns who changed, in the order of the ids
   */
  observe(counters: ReadonlyMap<string, number>, nowMs: number): StandingChange[] {
    const changes: StandingChange[] = [];
    if (this.#observedAtMs !== null && nowMs - this.#observedAtMs > this.#rule.gapMs) {
      for (const one of this.#watched.values()) one.changedAtMs = nowMs; // J2
    }
    this.#observedAtMs = nowMs;
    for (const [id, counter] of counters) this.#hear(id, counter, nowMs, changes);
    for (const [id, one] of this.#watched) {
      if (counters.has(id)) continue;
      this.#watched.delete(id);
      changes.push({ id, from: one.standing, to: "gone" });
    }
    this.#judge(nowMs, changes);
    return changes;
  }

  #hear(id: string, counter: number, nowMs: number, changes: StandingChange[]): void {
    const one = this.#watched.get(id);
    if (one === undefined) {
      this.#watched.set(id, { counter, changedAtMs: nowMs, standing: "unproven" }); // J4
      changes.push({ id, from: "new", to: "unproven" });
    } else if (one.counter !== counter) {
      one.counter = counter;
      one.changedAtMs = nowMs;
      move(id, one, "live", changes); // J5
    }
  }

  #judge(nowMs: number, changes: StandingChange[]): void {
    const { suspectMs, lostMs, panicMs } = this.#rule;
    let population = 0;
    let silent = 0;
    for (const one of this.#watched.values()) {
      if (one.standing !== "live" && one.standing !== "suspect") continue;
      population += 1;
      if (nowMs - one.changedAtMs >= suspectMs) silent += 1;
    }
    if (silent * 2 > population) this.#panicSinceMs ??= nowMs;
    else this.#panicSinceMs = null;
    const panic = this.#panicSinceMs !== null && nowMs - this.#panicSinceMs < panicMs; // J3
    for (const [id, one] of this.#watched) {
      const age = nowMs - one.changedAtMs;
      if (one.standing === "unproven") {
        if (age >= lostMs) move(id, one, "lost", changes);
      } else if (!panic) {
        if (one.standing === "live" && age >= suspectMs) move(id, one, "suspect", changes);
        if (one.standing === "suspect" && age >= lostMs) move(id, one, "lost", changes);
      }
    }
  }
}

function move(id: string, one: Watched, to: Standing, changes: StandingChange[]): void {
  if (one.standing === to) return;
  changes.push({ id, from: one.standing, to });
  one.standing = to;
}
