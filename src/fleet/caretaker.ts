/**
 * Looks after the fleet: one process at a time, any API process or agent.
 *
 * M1 Who sits is settled by a key that runs out; two at the same time do no harm, since every change is a
 *    compare-and-set.
 * M2 A worker that fell silent is called lost, and its leases are taken; a worker that is lost keeps none.
 * M3 A round never fails as a whole: what cannot be done now is done in the next.
 * M4 No round waits for the checkpoint store: workers get lost while it is slow, too.
 * M5 When many workers fall silent at once they are called lost one by one (domain/loss-brake.ts), and it is said.
 * M6 An API process, which alone deletes and tells things in the store, takes the seat from an agent: else nothing would
 *    be deleted or told for as long as an agent sits that has once found the seat empty.
 */
import type { BatchCaretaker } from "../batch/batch.ts";
import { queuesOf } from "../batch/batch.ts";
import { LossBrake } from "../domain/loss-brake.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { classifyRedisError } from "../redis/fault.ts";
import { loadScript, runScript, type Script } from "../redis/script.ts";
import { lostBeat, readBeat } from "./beat.ts";
import { FailureBook } from "./failure-book.ts";
import type { FleetWatch, WatchedWorker } from "./fleet-watch.ts";
import { queuesOfWorker } from "./served-queues.ts";
import { isLive } from "./task-registry.ts";

const ROUND_MS = 300;
const SEAT_MS = 1_500;
/** Slower work, in rounds: how often workers are lost, stuck tickets and stray leases, marks in the store, retention. */
const COUNT_EVERY = 4;
const STRAY_EVERY = 15;
const MARK_EVERY = 5;
const RETAIN_EVERY = 100;
/** How long it is shown that the brake was on. */
const BRAKE_SHOWN_MS = 3_000;
/** Workers that are gone are shown this long. */
const FORGET_AFTER_MS = 3_600_000;
/** One that left in order is of no interest for long. */
const FORGET_STOPPED_AFTER_MS = 60_000;

export interface CaretakerDeps {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly watch: FleetWatch;
  readonly batch: BatchCaretaker;
  /** Makes the generation of fences fit the Redis that answers. */
  readonly settleGeneration: () => Promise<unknown>;
  /** Forgets what is old enough; null where the store is out of reach. */
  readonly retain: (() => Promise<unknown>) | null;
  /** Tells the store what only the records say; null where it is out of reach. */
  readonly writeMarks: (() => Promise<unknown>) | null;
  readonly redisNowMs: () => number;
  /** Names this process in the seat; `agent:…` for an agent (M6). */
  readonly who: string;
  readonly logger: Logger;
}

/** Takes or keeps the seat: 1 when it is ours. Its third argument: is it taken from an agent (M6)? */
const SEAT_SCRIPT = `
local holder = redis.call('GET', KEYS[1])
local yields = ARGV[3] == 'from_agents' and holder and string.sub(holder, 1, 6) == 'agent:'
if holder and holder ~= ARGV[1] and not yields then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

export class Caretaker implements Service {
  readonly name = "caretaker";
  readonly #deps: CaretakerDeps;
  readonly #loop: Loop;
  readonly #loseWorker: Script = loadScript(new URL("./scripts/", import.meta.url), "lose-worker");
  readonly #failures: FailureBook;
  readonly #brake = new LossBrake();
  /** Of whose jobs the history tells already that they are spared. */
  readonly #spared = new Set<string>();
  /** What is being done in the store (M4). */
  readonly #working = new Set<string>();
  #rounds = 0;

  constructor(deps: CaretakerDeps) {
    this.#deps = deps;
    this.#failures = new FailureBook(deps);
    this.#loop = new Loop({
      name: this.name,
      intervalMs: ROUND_MS,
      clock: deps.clock,
      round: () => this.round(),
      onError: (error) => deps.logger.warn({ err: error }, "caretaker round failed"),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    const { redis, keys, who } = this.#deps;
    const leave = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1";
    await redis.eval(leave, 1, keys.caretaker, who).catch(() => undefined);
  }

  /** One round, if the seat is ours (M1). */
  async round(): Promise<void> {
    const { batch } = this.#deps;
    if (!(await this.#takeSeat())) return;
    const round = this.#rounds;
    this.#rounds += 1;
    if (round % MARK_EVERY === MARK_EVERY - 1) this.#beside("marks", this.#deps.writeMarks);
    if (round % RETAIN_EVERY === RETAIN_EVERY - 1) this.#beside("retention", this.#deps.retain);
    await this.#allOf([
      () => this.#deps.settleGeneration(),
      () => batch.passTime(),
      () => this.#findLostWorkers(),
      () => batch.renewTickets(this.#servedQueues()),
      ...(round % COUNT_EVERY === 0 ? [() => this.#failures.count(this.#aliveByZone())] : []),
      ...(round % STRAY_EVERY === 0
        ? [
            () => batch.findStuckTickets(this.#queuesOfAll()),
            () => this.#findStrayLeases(),
            () => batch.takeVoidLeases(),
            () => this.#forgetGoneWorkers(),
          ]
        : []),
    ]);
  }

  /** M3 @throws at once while Redis is away, or else, behind the last of them, what the first to fail said */
  async #allOf(steps: readonly (() => Promise<unknown>)[]): Promise<void> {
    const failed: unknown[] = [];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        if (classifyRedisError(error) !== null) throw error;
        failed.push(error);
      }
    }
    if (failed.length > 0) throw failed[0];
  }

  #queuesOfAll(): string[] {
    const { watch } = this.#deps;
    const pools = [...new Set(watch.workers().flatMap(({ registration }) => registration?.pools ?? []))];
    return queuesOf(watch.tasks, pools);
  }

  /** M1. A seat that cannot be written down says that no beat can be either (D1). */
  async #takeSeat(): Promise<boolean> {
    const { redis, keys, who, watch, retain } = this.#deps;
    const from = retain === null ? "" : "from_agents";
    try {
      return (await redis.eval(SEAT_SCRIPT, 1, keys.caretaker, who, SEAT_MS, from)) === 1;
    } catch (error) {
      watch.startAfresh();
      throw error;
    }
  }

  /** M4 */
  #beside(what: string, work: (() => Promise<unknown>) | null): void {
    if (work === null || this.#working.has(what)) return;
    this.#working.add(what);
    void work()
      .catch((error: unknown) => this.#deps.logger.warn({ err: error, what }, "not done in the store"))
      .finally(() => this.#working.delete(what));
  }

  /** "": those that name none. */
  #aliveByZone(): ReadonlyMap<string, number> {
    const alive = new Map<string, number>();
    for (const { registration } of this.#deps.watch.workers().filter(isLive)) {
      const zone = registration?.zone ?? "";
      alive.set(zone, (alive.get(zone) ?? 0) + 1);
    }
    return alive;
  }

  /** Queues that a live worker draws from. */
  #servedQueues(): ReadonlySet<string> {
    const { watch } = this.#deps;
    return new Set(
      watch
        .workers()
        .filter(({ beat }) => beat.state !== "lost" && beat.state !== "stopped")
        .flatMap((worker) => queuesOfWorker(watch, worker)),
    );
  }

  /** M2 */
  async #findLostWorkers(): Promise<void> {
    const { redis, keys, batch, logger } = this.#deps;
    for (const worker of await this.#givenUp()) {
      const args = [worker.id, worker.raw, JSON.stringify(lostBeat(worker.beat))];
      if ((await runScript(redis, this.#loseWorker, [keys.root], args)) !== 1) continue;
      logger.warn({ lost: worker.id, silentMs: Math.round(worker.silentMs) }, "worker lost");
      await batch.takeLeasesFrom(worker.id, null);
    }
  }

  /** M5: of the silent workers those that are to be called lost now. */
  async #givenUp(): Promise<readonly WatchedWorker[]> {
    const { redis, keys, watch, batch, clock, logger } = this.#deps;
    const silent = [...watch.silent()].sort((a, b) => b.silentMs - a.silentMs);
    const alive = watch.workers().filter((worker) => isLive(worker)).length - silent.length;
    const names = silent.map(({ id }) => id);
    const braking = this.#brake.look(names, alive, clock.monotonicMs());
    if (braking.kind === "off") {
      this.#spared.clear();
    } else {
      const { silent: gone, workers, spared } = braking;
      if (this.#spared.size === 0) logger.warn({ silent: gone, workers }, "many workers are silent at once: brake on");
      await redis.set(keys.brake, JSON.stringify({ silent: gone, workers }), "PX", BRAKE_SHOWN_MS);
      for (const worker of spared.filter((id) => !this.#spared.has(id))) {
        this.#spared.add(worker);
        await batch.spare(worker, gone, workers);
      }
    }
    return silent.filter(({ id }) => braking.giveUp.includes(id));
  }

  /**
   * Leases of workers that are gone: a caretaker may have died between the two steps above, a worker may have left
   * with a lease, or its beat may have been forgotten.
   */
  async #findStrayLeases(): Promise<void> {
    const { redis, keys, batch } = this.#deps;
    for (const holder of await batch.holders()) {
      // Read now: a worker beats before it leases, and what was seen of the fleet may be older than that.
      const beat = await redis.hget(keys.beats, holder);
      const state = beat === null ? null : (readBeat(beat)?.beat.state ?? "unknown");
      if (state === null || state === "lost" || state === "stopped") await batch.takeLeasesFrom(holder, null);
    }
  }

  async #forgetGoneWorkers(): Promise<void> {
    const { redis, keys, watch, redisNowMs } = this.#deps;
    for (const { id, beat, raw } of watch.workers()) {
      if (beat.state !== "lost" && beat.state !== "stopped") continue;
      const keptMs = beat.state === "stopped" ? FORGET_STOPPED_AFTER_MS : FORGET_AFTER_MS;
      if (redisNowMs() - Number(raw.split("|")[0]) < keptMs) continue;
      await redis.multi().hdel(keys.beats, id).hdel(keys.workers, id).hdel(keys.orders, id).exec();
    }
  }
}
