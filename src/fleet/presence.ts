/** An agent's side of the registry: it registers itself and its tasks, beats, and hears its order. */
import type { TaskInfo } from "../contract/worker.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { loadScript, runScript, type Script } from "../redis/script.ts";
import type { Clock } from "../runtime/clock.ts";
import { BEAT_MS, lostBeat, readBeat, type Beat, type Registration } from "./beat.ts";
import { readOrder, type Order } from "./order.ts";

export interface PresenceOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly workerId: string;
  /** Called when Redis was started anew with older data than it had (N2 in `batch/generation.ts`). */
  readonly onSetBack?: () => Promise<void>;
}

export class WorkerPresence {
  readonly #options: PresenceOptions;
  readonly #beat: Script = loadScript(new URL("./scripts/", import.meta.url), "beat");
  readonly #lose: Script = loadScript(new URL("./scripts/", import.meta.url), "lose-worker");

  /** The latest beat that Redis has acknowledged, and which start of Redis that was. */
  #acknowledged: { readonly counter: number; readonly runId: string } | null = null;
  /** It is still to be said that Redis was set back. */
  #owed = false;
  #known: { readonly registration: Registration; readonly tasks: readonly TaskInfo[] } | null = null;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Makes worker and tasks known. An order that stood for an earlier start of this worker is void. */
  async register(registration: Registration, tasks: readonly TaskInfo[]): Promise<void> {
    const { redis, keys, workerId } = this.#options;
    this.#known = { registration, tasks };
    await redis.hdel(keys.orders, workerId);
    await this.#makeKnown();
  }

  async #makeKnown(): Promise<void> {
    const { redis, keys, workerId } = this.#options;
    if (this.#known === null) return;
    const multi = redis.multi();
    for (const task of this.#known.tasks) {
      multi.hset(keys.tasks, `${task.name}@${task.definition}`, JSON.stringify(task));
    }
    multi.hset(keys.workers, workerId, JSON.stringify(this.#known.registration));
    await multi.exec();
  }

  /** Does another process beat under this name? Takes three beats to find out, if there is one to be asked about. */
  async isTaken(clock: Clock): Promise<boolean> {
    const { redis, keys, workerId } = this.#options;
    const before = await redis.hget(keys.beats, workerId);
    const state = before === null ? null : readBeat(before)?.beat.state;
    if (state === null || state === "lost" || state === "stopped") return false;
    await clock.sleep(3 * BEAT_MS);
    return (await redis.hget(keys.beats, workerId)) !== before;
  }

  /**
   * A worker of this name that did not leave in order is lost, whether somebody has noticed or not: we are in its
   * place. Its loss is counted once.
   */
  async succeedLost(): Promise<void> {
    const { redis, keys, workerId } = this.#options;
    const raw = await redis.hget(keys.beats, workerId);
    const beat = raw === null ? null : (readBeat(raw)?.beat ?? null);
    if (raw === null || beat === null || beat.state === "lost" || beat.state === "stopped") return;
    await runScript(redis, this.#lose, [keys.root], [workerId, raw, JSON.stringify(lostBeat(beat))]);
  }

  /** A Redis that has lost its memory is told again who we are. @returns the order that stands for this worker */
  async beat(beat: Beat): Promise<Order | null> {
    const { redis, keys, workerId } = this.#options;
    const reply = await runScript(redis, this.#beat, [keys.root], [workerId, JSON.stringify(beat)]);
    const [order, known, before, runId] = Array.isArray(reply) ? reply : [reply, 1];
    if (known === 0) await this.#makeKnown();
    await this.#witness(beat, String(before ?? ""), String(runId ?? ""));
    return readOrder(String(order));
  }

  /** A Redis of another run_id that does not know the beat which was acknowledged has lost its memory. */
  async #witness(beat: Beat, before: string, runId: string): Promise<void> {
    const acknowledged = this.#acknowledged;
    this.#acknowledged = { counter: beat.counter, runId };
    if (acknowledged !== null && acknowledged.runId !== runId) {
      const known = before === "" ? null : (readBeat(before)?.beat ?? null);
      // A beat of another start of this worker is one from before this start.
      this.#owed ||= known?.boot !== beat.boot || known.counter < acknowledged.counter;
    }
    if (!this.#owed) return;
    await this.#options.onSetBack?.();
    this.#owed = false;
  }
}
