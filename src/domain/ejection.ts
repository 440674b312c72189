/**
 * When a replica that lives is taken out of service for a task because it does worse than its peers, and when it comes
 * back (Envoy's outlier detection and the latency-induced probation of "The Tail at Scale", made for fleets of three:
 * their rules ask for five hosts and a hundred requests, and look at errors alone).
 *
 * X1 Only what its peers do better counts: what is slow or fails everywhere is the fault of the input, of Redis, or of
 *    whoever looks.
 * X2 Never so many that the rest drown: a minority of the replicas (of two, one), and only while those that remain can
 *    carry the load.
 * X3 It is out for 10 s × the number of times, two minutes at most; it comes back when it has proven itself by work,
 *    and is watched more closely at first.
 * X4 Good conduct is rewarded: each half minute served well takes one time off the count.
 */
import type { Conduct, Tally } from "./track-record.ts";

/** A replica's place in the service of one task, as one API process has decided it. */
export const EJECTION_STATES = {
  serving: "takes its part",
  parked: "takes no first attempts; proves itself by canaries when its time is over",
  trial: "takes its part again, and is parked sooner than others",
} as const;
export type EjectionState = keyof typeof EJECTION_STATES;

export const EJECTION_TRANSITIONS = {
  serving: { misconduct: "parked" },
  parked: { disproven: "parked", proven: "trial", drowning: "trial", excess: "trial" },
  trial: { misconduct: "parked", settled: "serving" },
} as const satisfies Record<EjectionState, Readonly<Record<string, EjectionState>>>;
export type EjectionEvent = { [S in EjectionState]: keyof (typeof EJECTION_TRANSITIONS)[S] }[EjectionState];

/** What a replica is parked for. */
export type Misconduct = "slow" | "failing";

/** So many bad attempts; on trial so many are enough. */
const ENOUGH = 5;
const ENOUGH_ON_TRIAL = 3;
/** Of what it did, so much was bad; of what its peers did, no more than so much. */
const BAD_SHARE = 0.5;
const PEERS_BAD_SHARE = 0.2;
/** X1: so much of its peers' work went well of late. */
const PEERS_GOOD = 5;
/** Three times its peers' 95th percentile is slow; but nobody is blamed for what a timer's jitter may be. */
const SLOW_FACTOR = 3;
const SLOW_MIN_MS = 20;
/** Within this of its peers' 95th percentile is well: well below what it is parked for. */
const WELL_FACTOR = 1.5;
const WELL_MIN_MS = 10;
const TIME_OUT_MS = 10_000;
const TIME_OUT_MAX_MS = 120_000;
const TRIAL_MS = 10_000;
const REWARD_MS = 30_000;
/** Canaries in a row that came back well, and in all that did not; how long before the end of its time they begin. */
const PROOFS = 3;
const DISPROOFS = 3;
const PROVE_BEFORE_MS = 3_000;
/** X2: share of the slots of those that remain which may be in use afterwards. */
const MOST_LOAD = 0.9;

/** How old an attempt has to be to be called slow, ms. @param peersP95Ms median of the peers' own 95th percentiles */
export function slowBarMs(peersP95Ms: number | null): number {
  return peersP95Ms === null ? Number.POSITIVE_INFINITY : Math.max(SLOW_FACTOR * peersP95Ms, SLOW_MIN_MS);
}

/** How soon a canary has to be back, ms. */
export function wellBarMs(peersP95Ms: number | null): number {
  return peersP95Ms === null ? Number.POSITIVE_INFINITY : Math.max(WELL_FACTOR * peersP95Ms, peersP95Ms + WELL_MIN_MS);
}

/**
 * Does a replica do worse than its peers (X1)? Looks at the last half second, in which five bad attempts are enough,
 * and at the last ten seconds, so that a little traffic is judged too.
 *
 * @param peers conduct of those that serve the task beside it
 */
export function misconduct(own: Conduct, peers: readonly Conduct[], state: EjectionState): Misconduct | null {
  const enough = state === "trial" ? ENOUGH_ON_TRIAL : ENOUGH;
  if (peers.reduce((sum, { lasting }) => sum + lasting.good, 0) < PEERS_GOOD) return null;
  for (const kind of ["slow", "failed"] as const) {
    for (const window of ["quick", "lasting"] as const) {
      const bad = own[window][kind] + (kind === "slow" ? own.overdue : 0);
      if (bad < enough || badShare(own, kind, window) < BAD_SHARE) continue;
      const shares = peers.map((peer) => badShare(peer, kind, window)).sort((a, b) => a - b);
      const median = shares[Math.floor((shares.length - 1) / 2)] ?? 1;
      if (median <= PEERS_BAD_SHARE) return kind === "slow" ? "slow" : "failing";
    }
  }
  return null;
}

function badShare(conduct: Conduct, kind: "slow" | "failed", window: "quick" | "lasting"): number {
  const { good, slow, failed }: Tally = conduct[window];
  const overdue = kind === "slow" ? conduct.overdue : 0;
  const all = good + slow + failed + overdue;
  return all === 0 ? 0 : (conduct[window][kind] + overdue) / all;
}

/** X2: how many of `replicas` may be out of service at the same time. */
export function mostParked(replicas: number): number {
  if (replicas < 2) return 0;
  return Math.max(1, Math.floor((replicas - 1) / 2));
}

/**
 * Of those that are parked, by whoever: who may stay so. All see the same beats, so all come to the same end.
 *
 * @param replicas that live and serve the task, parked ones included
 */
export function mayStayParked(parked: readonly string[], replicas: number): ReadonlySet<string> {
  return new Set([...parked].sort().slice(0, mostParked(replicas)));
}

export interface Room {
  /** Replicas that live and serve the task, parked ones included; and how many of them are parked by anybody. */
  readonly replicas: number;
  readonly parked: number;
  /** Slots in use at those that would remain, and their slots in all. */
  readonly restUsed: number;
  readonly restSlots: number;
  /** Slots that the work of the one in question would need at its peers' speed. */
  readonly displaced: number;
}

/** X2 */
export function mayPark({ replicas, parked, restUsed, restSlots, displaced }: Room): boolean {
  return parked < mostParked(replicas) && restUsed + displaced <= MOST_LOAD * restSlots;
}

/** One replica and one task, as one API process has judged. */
export class EjectionCase {
  #state: EjectionState = "serving";
  #why: Misconduct = "slow";
  #sinceMs: number;
  #times = 0;
  #proofs = 0;
  #disproofs = 0;

  /** @param nowMs monotonic */
  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  get state(): EjectionState {
    return this.#state;
  }

  get why(): Misconduct {
    return this.#why;
  }

  /** How often it was parked, of late (X4). */
  get times(): number {
    return this.#times;
  }

  /** How long it is out, canaries aside, ms (X3). */
  get timeOutMs(): number {
    return Math.min(TIME_OUT_MS * this.#times, TIME_OUT_MAX_MS);
  }

  /** It serves, and does worse than its peers. */
  park(why: Misconduct, nowMs: number): void {
    this.#times = Math.max(0, this.#times - Math.floor((nowMs - this.#sinceMs) / REWARD_MS)); // X4
    this.#why = why;
    this.#sentence("misconduct", nowMs);
  }

  /** Is it time that it proves itself? */
  proves(nowMs: number): boolean {
    return this.#state === "parked" && nowMs >= this.#sinceMs + this.timeOutMs - PROVE_BEFORE_MS;
  }

  /** A canary came back in time, or did not. */
  proof(result: "well" | "badly", nowMs: number): void {
    if (this.#state !== "parked") return;
    if (result === "well") this.#proofs += 1;
    else {
      this.#proofs = 0;
      this.#disproofs += 1;
      if (this.#disproofs >= DISPROOFS) this.#sentence("disproven", nowMs);
    }
  }

  /** Lets time pass. @returns whether it comes back into service now */
  pass(nowMs: number): "returns" | "stays" {
    const elapsed = nowMs - this.#sinceMs;
    if (this.#state === "trial" && elapsed >= TRIAL_MS) this.#become("settled", nowMs);
    if (this.#state !== "parked" || elapsed < this.timeOutMs || this.#proofs < PROOFS) return "stays";
    this.#become("proven", nowMs);
    return "returns";
  }

  /** It is let back unproven: the others cannot do without it, or more are out than may be. */
  release(because: "drowning" | "excess", nowMs: number): void {
    if (this.#state === "parked") this.#become(because, nowMs);
  }

  #sentence(event: "misconduct" | "disproven", nowMs: number): void {
    this.#times += 1;
    this.#proofs = 0;
    this.#disproofs = 0;
    this.#become(event, nowMs);
  }

  #become(event: EjectionEvent, nowMs: number): void {
    const exits: Readonly<Partial<Record<EjectionEvent, EjectionState>>> = EJECTION_TRANSITIONS[this.#state];
    const to = exits[event];
    if (to === undefined) throw new Error(`a replica that is ${this.#state} does not change by ${event}`);
    this.#state = to;
    this.#sinceMs = nowMs;
  }
}
