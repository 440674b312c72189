/**
 * What an API process knows of the replicas: who lives, what they serve, how busy they are.
 *
 * D1 Read four times a second; judged by `BeatJudge`, whose rules say when nobody may be called dead.
 * D2 What has not beaten for a minute is taken out of the hash: it would be read for ever.
 * D3 A failed read changes nothing; the next good one shows up as a gap.
 * D4 Who is parked, unfit, or was set aside here, is not among those that are ready.
 * D5 A replica that beats and does not turn (the beat comes from another thread) does as little as one that is silent.
 */
import { BeatJudge, REPLICA_BEATS, type StandingChange } from "../domain/beat-judge.ts";
import type { ReplicaChoice } from "../domain/replica-choice.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import { BEAT_MS, counterOf, decodeBeat, type Beat } from "./beat.ts";
import type { CommandLink } from "./command-link.ts";

const FORGET_MS = 60_000;
/** A replica whose event loop stands still for so long gets nothing sent to it alone. */
const LAGGING_MS = 400;
/** For so long: what it has is looked after, as if it had missed that many beats (D5). */
const STANDSTILL_MS = REPLICA_BEATS.suspectMs;

export interface KnownReplica extends ReplicaChoice {
  readonly beat: Beat;
  load: number;
  /** What was sent to it alone since its last beat. */
  sent: number;
}

/** How many more of `task` a replica could start, by its last beat and what was sent to it since. */
export function roomFor(replica: KnownReplica, task: string): number {
  return (replica.beat.tasks[task]?.free ?? 0) - replica.sent;
}

/** The live replicas of one task. */
export interface TaskReplicas {
  /** Take work: live, ready, with a turning event loop, not parked (D4). */
  readonly ready: readonly KnownReplica[];
  /** Would take work, but are parked, unfit or set aside. */
  readonly aside: readonly KnownReplica[];
  /** All that live, also those that are leaving. */
  readonly live: readonly KnownReplica[];
  /** Definitions that live replicas announce. */
  readonly definitions: readonly string[];
}

/** A replica, for people to look at. */
export interface ReplicaView {
  readonly id: string;
  readonly worker: string;
  readonly pid: number;
  readonly state: "ready" | "draining" | "suspect" | "unfit";
  /** What is wrong with one that is unfit. */
  readonly reason: string | null;
  /** How long its event loop has not turned, ms. */
  readonly lagMs: number;
  /** Tasks whose first attempts it leaves to others. */
  readonly parked: readonly string[];
}

const NOBODY: TaskReplicas = { ready: [], aside: [], live: [], definitions: [] };

export interface ReplicaDirectoryOptions {
  readonly link: CommandLink;
  /** The hash of beats. */
  readonly key: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** After each good read: who changed, and whose event loop has come to a standstill since the last. */
  readonly onRead: (changes: readonly StandingChange[], standingStill: readonly string[]) => void;
}

export class ReplicaDirectory implements Service {
  readonly name = "replica-directory";
  readonly #options: ReplicaDirectoryOptions;
  readonly #judge = new BeatJudge(REPLICA_BEATS);
  readonly #beats = new Map<string, { text: string; beat: Beat; changedAtMs: number }>();
  readonly #lastLiveMs = new Map<string, number>();
  /** `task replica` → until when, monotonic (D4). */
  readonly #aside = new Map<string, number>();
  readonly #loop: Loop;
  #standingStill: ReadonlySet<string> = new Set();
  #tasks = new Map<string, TaskReplicas>();
  #replicas = new Map<string, KnownReplica>();

  constructor(options: ReplicaDirectoryOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: this.name,
      intervalMs: BEAT_MS,
      clock: options.clock,
      round: () => this.#read(),
      onError: () => undefined, // D3; the link says that Redis is away.
    });
  }

  /** Resolves after the first reads, when those that beat are known to be alive. */
  async start(): Promise<void> {
    await this.#read();
    await this.#options.clock.sleep(this.#beats.size === 0 ? 0 : BEAT_MS + 50);
    await this.#read();
    await this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Who serves `task`. */
  replicasOf(task: string): TaskReplicas {
    return this.#tasks.get(task) ?? NOBODY;
  }

  /** A replica that is not known to be lost, also a new one; null when it is lost, gone or unknown. */
  find(id: string): KnownReplica | null {
    return this.#replicas.get(id) ?? null;
  }

  /** For how long a replica has shown no new beat, as far as this process could see, or has not turned (D5), ms. */
  silenceMs(id: string): number {
    const lagMs = this.#replicas.get(id)?.beat.lagMs ?? 0;
    return Math.max(lagMs, this.#judge.silenceMs(id, this.#options.clock.monotonicMs()));
  }

  /**
   * How long `task` has had no live replica, ms. Of a task that this process never saw served it counts from the first
   * time it is asked for: this process, or the worker, may just have come up, and a replica is live from its second
   * beat on.
   */
  deserted(task: string): number {
    if (this.replicasOf(task).live.length > 0) return 0;
    const now = this.#options.clock.monotonicMs();
    const last = this.#lastLiveMs.get(task);
    if (last === undefined) this.#lastLiveMs.set(task, now);
    return now - (last ?? now);
  }

  /** Does its event loop stand still? */
  isHeldUp({ beat }: KnownReplica): boolean {
    return beat.lagMs >= LAGGING_MS;
  }

  /** Replicas that live, and are neither leaving nor about to be replaced. */
  inService(): KnownReplica[] {
    return [...this.#replicas.values()].filter(
      ({ id, beat }) => this.#judge.standing(id) === "live" && beat.state === "ready" && beat.unfit === null,
    );
  }

  /** All that are not known to be lost, by id, as their beats tell them. */
  views(): ReplicaView[] {
    return [...this.#replicas.values()]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, worker, beat }) => ({
        id,
        worker,
        pid: beat.pid,
        state: this.#judge.standing(id) === "suspect" ? "suspect" : beat.unfit !== null ? "unfit" : beat.state,
        reason: beat.unfit,
        lagMs: beat.lagMs,
        parked: Object.keys(beat.tasks).filter((task) => beat.tasks[task]?.parked === true),
      }));
  }

  /** Does any live replica of `task` beat and not turn? */
  anyStandsStill(task: string): boolean {
    return this.replicasOf(task).live.some((replica) => this.isHeldUp(replica));
  }

  /** D4: does not choose a replica for `task` for a while; 0 ms: does again. */
  setAside(task: string, id: string, forMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (forMs > 0) this.#aside.set(`${task} ${id}`, nowMs + forMs);
    else this.#aside.delete(`${task} ${id}`);
    this.#rebuild(nowMs);
  }

  /** Notes that something was sent to a replica alone, so that its next choice is not made on an old number. */
  noteSent(id: string): void {
    const replica = this.#replicas.get(id);
    if (replica === undefined) return;
    replica.sent += 1;
    replica.load += 1 / Math.max(1, replica.beat.slots);
  }

  async #read(): Promise<void> {
    const { link, key, clock, onRead } = this.#options;
    const all = await link.run((client) => client.hgetall(key));
    const nowMs = clock.monotonicMs();
    const counters = new Map<string, number>();
    for (const [id, text] of Object.entries(all)) {
      const counter = counterOf(text);
      if (counter === null) continue;
      counters.set(id, counter);
      const known = this.#beats.get(id);
      if (known?.text === text) continue;
      const beat = decodeBeat(text);
      if (beat !== null) this.#beats.set(id, { text, beat, changedAtMs: nowMs });
    }
    for (const id of this.#beats.keys()) if (!counters.has(id)) this.#beats.delete(id);
    const changes = this.#judge.observe(counters, nowMs);
    this.#rebuild(nowMs);
    this.#report(changes);
    onRead(changes, this.#newlyStandingStill());
    await this.#forget(nowMs);
  }

  #rebuild(nowMs: number): void {
    interface Entry {
      readonly ready: KnownReplica[];
      readonly aside: KnownReplica[];
      readonly live: KnownReplica[];
      readonly definitions: Set<string>;
    }
    const tasks = new Map<string, Entry>();
    this.#replicas = new Map();
    for (const [key, untilMs] of this.#aside) if (untilMs <= nowMs) this.#aside.delete(key);
    for (const [id, { beat }] of this.#beats) {
      const standing = this.#judge.standing(id);
      if (standing === "lost" || standing === "unknown") continue;
      const load = beat.inFlight / Math.max(1, beat.slots);
      const replica: KnownReplica = { id, worker: beat.worker, load, sent: 0, beat };
      this.#replicas.set(id, replica);
      if (standing !== "live") continue;
      for (const [task, { definition, parked }] of Object.entries(beat.tasks)) {
        let entry = tasks.get(task);
        if (entry === undefined) {
          entry = { ready: [], aside: [], live: [], definitions: new Set() };
          tasks.set(task, entry);
        }
        entry.live.push(replica);
        entry.definitions.add(definition);
        const out = parked === true || beat.unfit !== null || this.#aside.has(`${task} ${id}`);
        if (beat.state === "ready" && !this.isHeldUp(replica)) (out ? entry.aside : entry.ready).push(replica);
        this.#lastLiveMs.set(task, nowMs);
      }
    }
    this.#tasks = new Map(
      [...tasks].map(([task, { ready, aside, live, definitions }]) => [
        task,
        { ready, aside, live, definitions: [...definitions] },
      ]),
    );
  }

  /** D5 */
  #newlyStandingStill(): string[] {
    const still = new Set<string>();
    for (const [id, { beat }] of this.#replicas) if (beat.lagMs >= STANDSTILL_MS) still.add(id);
    const fresh = [...still].filter((id) => !this.#standingStill.has(id));
    this.#standingStill = still;
    for (const id of fresh) this.#options.log.info({ replica: id }, "replica's event loop stands still");
    return fresh;
  }

  #report(changes: readonly StandingChange[]): void {
    for (const { id, from, to } of changes) {
      const worker = this.#beats.get(id)?.beat.worker;
      if (to === "lost" && from !== "unproven") this.#options.log.warn({ replica: id, worker }, "replica is lost");
      else if (to === "suspect") this.#options.log.info({ replica: id, worker }, "replica is suspect");
    }
  }

  /** D2 */
  async #forget(nowMs: number): Promise<void> {
    for (const [id, { changedAtMs }] of this.#beats) {
      if (nowMs - changedAtMs < FORGET_MS || this.#judge.standing(id) !== "lost") continue;
      await this.#options.link.run((client) => client.hdel(this.#options.key, id));
    }
  }
}
