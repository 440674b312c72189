/**
 * Which replica gets an attempt that is meant for one alone: the better of two drawn at random (power of two choices:
 * nearly as even as always the best, without the herd that runs to it).
 *
 * H1 A replica that was tried already is not chosen.
 * H2 One on a worker that was not tried comes before one on a worker that was: a sick machine has sick replicas.
 */
export interface ReplicaChoice {
  readonly id: string;
  readonly worker: string;
  /** Used share of its slots, and what we sent besides; less is better. */
  readonly load: number;
}

/** What had an attempt of the request already. The workers also of replicas that are no candidates any more. */
export interface Tried {
  readonly replicas: ReadonlySet<string>;
  readonly workers: ReadonlySet<string>;
}

/**
 * @param random draws a number in [0, 1)
 * @returns null when all were tried
 */
export function chooseReplica<Choice extends ReplicaChoice>(
  candidates: readonly Choice[],
  tried: Tried,
  random: () => number,
): Choice | null {
  const untried = candidates.filter(({ id }) => !tried.replicas.has(id)); // H1
  const elsewhere = untried.filter(({ worker }) => !tried.workers.has(worker));
  const pool = elsewhere.length > 0 ? elsewhere : untried; // H2
  const first = pool[Math.floor(random() * pool.length)];
  if (first === undefined) return null;
  const others = pool.filter((one) => one !== first);
  const second = others[Math.floor(random() * others.length)];
  return second === undefined || first.load <= second.load ? first : second;
}
