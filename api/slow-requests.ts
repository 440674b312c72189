/**
 * The slowest requests of each online task in the last ten minutes, with all that was tried for them: answered well,
 * but late.
 *
 * W1 A request that is not among the slowest costs one comparison of numbers.
 * W2 They are told to Redis every few seconds at most, where all API processes keep one bounded list per task.
 * W3 Nothing depends on them: what cannot be written is left out.
 */
import { slowRequestSchema, type SlowRequest } from "../src/contract/slow.ts";
import { WorstList, type WorstRule } from "../src/domain/worst-list.ts";
import type { InvokeOutcome } from "../src/online/online.ts";
import type { RedisClient } from "../src/redis/connection.ts";
import { reading } from "../src/redis/fault.ts";
import type { Keys } from "../src/redis/keys.ts";
import type { Clock } from "../src/runtime/clock.ts";
import { Loop } from "../src/runtime/loop.ts";
import type { Service } from "../src/runtime/service.ts";

const RULE: WorstRule = { keep: 50, windowMs: 600_000 };
/** W2 */
const TELL_MS = 2_000;

export interface SlowRequestsOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly clock: Clock;
}

interface OfTask {
  readonly worst: WorstList<SlowRequest>;
  /** Not told to Redis so far. */
  fresh: SlowRequest[];
}

export class SlowRequests implements Service {
  readonly name = "slow requests";
  readonly #options: SlowRequestsOptions;
  readonly #tasks = new Map<string, OfTask>();
  readonly #loop: Loop;

  constructor(options: SlowRequestsOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: this.name,
      intervalMs: TELL_MS,
      clock: options.clock,
      round: () => this.#tell(),
      onError: () => undefined, // W3
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#tell().catch(() => undefined);
  }

  /** Notes an answered request, if it is one of the slowest. @param tookMs from its head to the replica's answer */
  note(task: string, id: string, outcome: Extract<InvokeOutcome, { kind: "answered" }>, tookMs: number): void {
    let own = this.#tasks.get(task);
    if (own === undefined) this.#tasks.set(task, (own = { worst: new WorstList(RULE), fresh: [] }));
    if (tookMs <= own.worst.bar) return; // W1
    const { queueMs, runMs } = outcome.timing;
    const at = new Date(this.#options.clock.nowMs()).toISOString();
    const request = { id, at, tookMs: round(tookMs), queueMs: round(queueMs), runMs, attempts: [...outcome.trace] };
    own.worst.add(request, tookMs, this.#options.clock.monotonicMs());
    if (own.fresh.length < RULE.keep) own.fresh.push(request);
  }

  /** The slowest of all API processes, the slowest first. @throws RedisFault */
  async slowest(task: string): Promise<readonly SlowRequest[]> {
    const { redis, keys } = this.#options;
    await this.#tell().catch(() => undefined);
    const stored = await reading(() => redis.zrange(keys.slow(task), 0, "-1", "REV"));
    return stored.flatMap((text) => this.#recent(text) ?? []).slice(0, RULE.keep);
  }

  /** W2 */
  async #tell(): Promise<void> {
    const now = this.#options.clock.monotonicMs();
    for (const [task, own] of this.#tasks) {
      own.worst.worst(now); // What is too old makes the bar fall.
      const { fresh } = own;
      if (fresh.length === 0) continue;
      own.fresh = [];
      await this.#write(task, fresh);
    }
  }

  async #write(task: string, fresh: readonly SlowRequest[]): Promise<void> {
    const { redis, keys } = this.#options;
    const key = keys.slow(task);
    await redis.zadd(key, ...fresh.flatMap((request) => [request.tookMs, JSON.stringify(request)]));
    const stored = await redis.zrange(key, 0, "-1");
    const old = stored.filter((text) => this.#recent(text) === null);
    const pipeline = redis.pipeline();
    if (old.length > 0) pipeline.zrem(key, ...old);
    pipeline.zremrangebyrank(key, 0, -RULE.keep - 1).pexpire(key, RULE.windowMs);
    await pipeline.exec();
  }

  #recent(text: string): SlowRequest | null {
    const parsed = slowRequestSchema.safeParse(JSON.parse(text));
    if (!parsed.success) return null; // Of a newer version.
    return this.#options.clock.nowMs() - Date.parse(parsed.data.at) < RULE.windowMs ? parsed.data : null;
  }
}

const round = (ms: number): number => Math.round(ms * 1_000) / 1_000;
