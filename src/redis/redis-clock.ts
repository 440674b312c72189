/**
 * The clock of Redis, estimated: what both ends of a queue agree on without trusting each other's clocks.
 *
 * O1 The estimate runs on the monotonic clock of this process; a wall clock that is set does not touch it.
 * O2 A sample says: when the answer came, Redis's clock was ahead by `offset`, wrong by at most half the round trip.
 *    The tightest of the recent samples counts.
 * O3 A sample that contradicts the estimate replaces it: another server has taken over, or the server's clock was set.
 * O4 On a Cluster the same node is asked by everybody: the one that owns the key. Clocks of nodes differ.
 */
import type { Clock } from "../runtime/clock.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import type { RedisClient } from "./connection.ts";

interface Sample {
  /** Redis's clock minus ours, ms. */
  readonly offsetMs: number;
  readonly errorMs: number;
}

const KEPT_SAMPLES = 8;
/** Two clocks drift apart by at most this much between samples, ms. */
const DRIFT_MS = 1;

/** The arithmetic of the estimate, without Redis. */
export class ClockOffset {
  #samples: Sample[] = [];

  /**
   * @param sentMs own clock when the question left
   * @param receivedMs own clock when the answer came
   * @param redisMs what Redis said
   */
  add(sentMs: number, receivedMs: number, redisMs: number): void {
    const errorMs = (receivedMs - sentMs) / 2;
    const sample: Sample = { offsetMs: redisMs - (sentMs + receivedMs) / 2, errorMs };
    const best = this.#best();
    const contradicts =
      best !== null && Math.abs(best.offsetMs - sample.offsetMs) > best.errorMs + sample.errorMs + DRIFT_MS;
    this.#samples = contradicts ? [sample] : [...this.#samples.slice(1 - KEPT_SAMPLES), sample]; // O3
  }

  /** Null before the first sample. */
  get estimate(): Sample | null {
    return this.#best();
  }

  /** O2 */
  #best(): Sample | null {
    let best: Sample | null = null;
    for (const sample of this.#samples) if (best === null || sample.errorMs <= best.errorMs) best = sample;
    return best;
  }
}

export interface RedisClockOptions {
  readonly client: () => RedisClient;
  /** O4: any key; its owner is asked. */
  readonly key: string;
  readonly clock: Clock;
}

export class RedisClock implements Service {
  readonly name = "redis-clock";
  readonly #options: RedisClockOptions;
  readonly #offset = new ClockOffset();
  readonly #loop: Loop;
  #offsetMs = 0;

  constructor(options: RedisClockOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: "redis-clock",
      intervalMs: 2_000,
      clock: options.clock,
      round: () => this.#sample(),
      onError: () => undefined, // Redis is away: the estimate goes on running.
    });
  }

  /** @throws what Redis answered, when it cannot be asked */
  async start(): Promise<void> {
    for (let round = 0; round < 3; round++) await this.#sample();
    await this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Redis's clock now, ms since 1970, not rounded. */
  nowMs(): number {
    return this.#options.clock.monotonicMs() + this.#offsetMs; // O1
  }

  /** By how much `nowMs` may be wrong, ms; Infinity before the first answer. */
  get errorMs(): number {
    return this.#offset.estimate?.errorMs ?? Number.POSITIVE_INFINITY;
  }

  async #sample(): Promise<void> {
    const { client, clock, key } = this.#options;
    const sent = clock.monotonicMs();
    const answer: unknown = await client().eval("return redis.call('TIME')", 1, key); // O4
    const received = clock.monotonicMs();
    if (!Array.isArray(answer)) return;
    this.#offset.add(sent, received, Number(answer[0]) * 1_000 + Number(answer[1]) / 1_000);
    this.#offsetMs = this.#offset.estimate?.offsetMs ?? this.#offsetMs;
  }
}
