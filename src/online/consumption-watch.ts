/**
 * Finds the replica that beats and takes nothing, and has it replaced.
 *
 * CW1 One API process at a time does so, whoever has the seat: the cost does not grow with their number. Two at the
 *     same time do no harm.
 * CW2 Its word goes by a key to the replica's beat thread, which has a connection and an event loop of its own; from
 *     then on the beat says it, so that no API process chooses the replica, and its agent starts another in its place.
 * CW3 At most one is condemned in five seconds: what looks like all of them at once is more likely the fault of Redis
 *     or of whoever looks, and if it is not, one after another is replaced.
 * CW4 That nobody answers (`mute`) is believed only by a process that others do answer.
 * CW5 Orders are heard by a reader of their own, and it is asked like those of the tasks: a replica that is deaf to them
 *     goes on with what nobody wants any more, and cannot be parked. It does not say how many it has heard, so CW4 holds.
 */
import { CANARY_EVERY_MS, CanaryJudge, type LaneVerdict } from "../domain/canary-judge.ts";
import type { Keys } from "../redis/keys.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Canaries, Proof } from "./canaries.ts";
import type { CommandLink } from "./command-link.ts";
import type { HealthCounts } from "./health-counts.ts";
import type { KnownReplica, ReplicaDirectory } from "./replica-directory.ts";

const SEAT_MS = 5_000;
const RENEW_MS = 1_500;
/** How long a verdict stands; it is repeated as long as it holds. */
const VERDICT_MS = 10_000;
const VERDICT_EVERY_MS = 5_000;
/** CW4 */
const WITNESS_MS = 3 * CANARY_EVERY_MS;
/** CW5: stands where a task does; no task has such a name. */
const ORDERS = "(orders)";
/** There is always room for them. */
const ORDERS_SIGN = { taken: null, free: 1 };
/** A fleet with many tasks is asked over several rounds. */
const MOST_PER_ROUND = 64;

const WORDS: Readonly<Record<Exclude<LaneVerdict, "well">, string>> = {
  deaf: "beats, but takes nothing of",
  mute: "takes, but does not answer to",
  clogged: "has had no free slot, and finished nothing, for longer than a deadline may be, of",
};

export interface ConsumptionWatchOptions {
  readonly nowMs: () => number;
  readonly link: CommandLink;
  readonly keys: Keys;
  readonly directory: ReplicaDirectory;
  readonly canaries: Canaries;
  readonly apiId: string;
  readonly counts: HealthCounts;
  readonly log: Logger;
}

interface Lane {
  readonly judge: CanaryJudge;
  seenAtMs: number;
}

export class ConsumptionWatch {
  readonly #options: ConsumptionWatchOptions;
  readonly #lanes = new Map<string, Lane>();
  #seatUntilMs = Number.NEGATIVE_INFINITY;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #condemnedAtMs = Number.NEGATIVE_INFINITY;
  /** Which replica answered a canary, and when. */
  readonly #witnesses = new Map<string, number>();

  constructor(options: ConsumptionWatchOptions) {
    this.#options = options;
  }

  /** After each reading of the beats. */
  round(): void {
    const { nowMs, directory, log } = this.#options;
    const now = nowMs();
    this.#takeSeat(now);
    if (now >= this.#seatUntilMs) {
      this.#lanes.clear();
      return;
    }
    let left = MOST_PER_ROUND;
    for (const replica of directory.inService()) {
      for (const task of [...Object.keys(replica.beat.tasks), ORDERS]) {
        if (left > 0 && this.#look(replica, task, now) === "sent") left -= 1;
        else if (left === 0) this.#laneOf(replica.id, task, now).seenAtMs = now;
      }
    }
    for (const [key, { seenAtMs }] of this.#lanes) if (seenAtMs !== now) this.#lanes.delete(key);
    for (const [id, atMs] of this.#witnesses) if (now - atMs > WITNESS_MS) this.#witnesses.delete(id);
    if (left === 0) log.debug("more canaries are due than fit into a round");
  }

  #look(replica: KnownReplica, task: string, now: number): "sent" | "nothing" {
    const { directory, canaries, counts } = this.#options;
    const lane = this.#laneOf(replica.id, task, now);
    lane.seenAtMs = now;
    const { judge } = lane;
    const { taken = null, free = 0 } = task === ORDERS ? ORDERS_SIGN : (replica.beat.tasks[task] ?? {});
    const turning = directory.isHeldUp(replica) ? "no" : "yes";
    const next = judge.look({ taken, free, turning }, now);
    const { verdict } = judge;
    if (verdict !== "well") this.#condemn(replica, task, verdict, now);
    if (next === "wait") return "nothing";
    counts.canarySent(task);
    const request = {
      task,
      replica: replica.id,
      patienceMs: CANARY_EVERY_MS,
      settle: (proof: Proof) => this.#settle(replica.id, task, judge, proof),
    };
    if (task === ORDERS) canaries.order(request);
    else canaries.send(request);
    return "sent";
  }

  #laneOf(replica: string, task: string, now: number): Lane {
    const key = `${replica} ${task}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { judge: new CanaryJudge(now), seenAtMs: now };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #settle(replica: string, task: string, judge: CanaryJudge, proof: Proof): void {
    const { nowMs, counts, log } = this.#options;
    const now = nowMs();
    if (proof.kind === "void") judge.void();
    else if (proof.kind !== "missing") {
      judge.answered(now);
      this.#witnesses.set(replica, now);
    } else if (judge.missed() === "counts") {
      counts.canaryMissed(task);
      log.info({ replica, task }, "canary is missing");
    }
  }

  #condemn({ id, worker }: KnownReplica, task: string, verdict: Exclude<LaneVerdict, "well">, now: number): void {
    const { link, keys, directory, apiId, counts, log } = this.#options;
    if (now - this.#condemnedAtMs < VERDICT_EVERY_MS) return; // CW3
    const witness = [...this.#witnesses].some(([other, atMs]) => other !== id && now - atMs <= WITNESS_MS);
    if ((verdict === "mute" || task === ORDERS) && !witness) return; // CW4, CW5
    this.#condemnedAtMs = now;
    counts.condemned(task, verdict);
    const why = `${WORDS[verdict]} ${task === ORDERS ? "its orders" : task}`;
    log.warn({ replica: id, worker, task, verdict }, "replica is to be replaced");
    directory.setAside(task, id, VERDICT_MS);
    // CW2. If it does not get there, it is said again as long as it is true.
    link
      .run((client) => client.set(keys.verdict(id), JSON.stringify({ why, by: apiId }), "PX", VERDICT_MS))
      .catch(() => undefined);
  }

  /** CW1 */
  #takeSeat(now: number): void {
    if (now - this.#renewedAtMs < RENEW_MS) return;
    this.#renewedAtMs = now;
    const { link, keys, apiId } = this.#options;
    link
      .run(async (client) => {
        const holder = await client.set(keys.canarySeat, apiId, "PX", SEAT_MS, "NX", "GET");
        if (holder === apiId) await client.pexpire(keys.canarySeat, SEAT_MS);
        if (holder === null || holder === apiId) this.#seatUntilMs = now + SEAT_MS;
      })
      .catch(() => undefined); // Redis is away: nobody is asked anything.
  }
}
