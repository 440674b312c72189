/**
 * The random numbers of a job: xoshiro128** (Blackman and Vigna, 2018, https://prng.di.unimi.it), seeded with the
 * SHA-256 of the job's id. Not for secrets.
 *
 * J1 The numbers depend on the job and on how many were drawn, on nothing else: a resumed job draws on where its
 *    checkpoint was.
 */
import { createHash } from "node:crypto";

export type RandomState = readonly [number, number, number, number];

export class JobRandom {
  #state: [number, number, number, number];

  constructor(state: RandomState) {
    this.#state = [state[0] >>> 0, state[1] >>> 0, state[2] >>> 0, state[3] >>> 0];
    // The one state that it never leaves.
    if (this.#state.every((word) => word === 0)) this.#state = [1, 0, 0, 0];
  }

  /** The generator at the beginning of a job. */
  static ofJob(job: string): JobRandom {
    const seed = createHash("sha256").update(job).digest();
    return new JobRandom([seed.readUInt32LE(0), seed.readUInt32LE(4), seed.readUInt32LE(8), seed.readUInt32LE(12)]);
  }

  /** What is saved with a checkpoint. */
  get state(): RandomState {
    return [...this.#state];
  }

  /** Uniform in [0, 1), with 53 random bits as `Math.random`. */
  next(): number {
    const high = this.#word() >>> 5;
    const low = this.#word() >>> 6;
    return (high * 67_108_864 + low) / 9_007_199_254_740_992;
  }

  #word(): number {
    const s = this.#state;
    const result = Math.imul(rotated(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotated(s[3], 11);
    return result;
  }
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
