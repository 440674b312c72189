/**
 * Coalesced sends: what one turn of the event loop has for a list goes there in one command.
 *
 * U1 Order within a list is the order of `send`.
 * U2 No list is without an expiry for longer than `EXPIRY_MS`. A list that was emptied is a new one, so the expiry is set
 *    with the first push, and while more follow once more in each such time and after the last one: with every push it
 *    would be a third of what a request costs here and in Redis.
 * U3 Every parcel that was still wanted is told what became of it, once: pushed, or the fault.
 * U4 While a push to a list is under way, what comes for it waits and goes with the next one: the busier Redis is, the
 *    fewer commands it gets.
 */
import type { CommandLink } from "./command-link.ts";
import type { RedisClient } from "../redis/connection.ts";
import { RedisFault } from "../redis/fault.ts";
import { noFaults, type FaultPoints } from "../runtime/fault-points.ts";

export interface Parcel {
  readonly text: string;
  /** Asked when it is its turn: what is not wanted any more is left out. */
  readonly wanted: boolean;
  /** Redis has it. */
  pushed(): void;
  /** `unavailable`: it did not get there. `unknown`: it may have. */
  notPushed(fault: RedisFault): void;
}

interface Lane {
  waiting: Parcel[];
  underWay: number;
}

/** U2 */
const EXPIRY_MS = 1_000;

export class Outbox {
  readonly #link: CommandLink;
  readonly #expireMs: number;
  readonly #faults: FaultPoints;
  readonly #lanes = new Map<string, Lane>();
  /** Lists whose expiry was set in this turn of the timer, and whether something was pushed since (U2). */
  readonly #expiring = new Map<string, "set" | "pushed since">();
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  #due: string[] = [];

  /** @param expireMs after which a list nobody reads is gone; longer than anything in it is worth */
  constructor(link: CommandLink, expireMs: number, faults: FaultPoints = noFaults) {
    this.#link = link;
    this.#expireMs = expireMs;
    this.#faults = faults;
  }

  send(list: string, parcel: Parcel): void {
    let lane = this.#lanes.get(list);
    if (lane === undefined) {
      lane = { waiting: [], underWay: 0 };
      this.#lanes.set(list, lane);
    }
    lane.waiting.push(parcel);
    if (lane.waiting.length === 1 && lane.underWay < MAX_UNDER_WAY) this.#schedule(list);
  }

  #schedule(list: string): void {
    this.#due.push(list);
    // After the poll phase: all requests that this turn has read from their sockets are in by then.
    if (this.#due.length === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const due = this.#due;
    this.#due = [];
    for (const list of due) void this.#push(list);
  }

  async #push(list: string): Promise<void> {
    const lane = this.#lanes.get(list);
    if (lane === undefined || lane.waiting.length === 0) return;
    const parcels = lane.waiting.filter(({ wanted }) => wanted);
    lane.waiting = [];
    if (parcels.length === 0) return;
    lane.underWay += 1;
    const fault = await this.#write(list, parcels);
    lane.underWay -= 1;
    for (const parcel of parcels) {
      if (fault === null) parcel.pushed();
      else parcel.notPushed(fault); // U3
    }
    if (lane.waiting.length > 0) this.#schedule(list);
  }

  async #write(list: string, parcels: readonly Parcel[]): Promise<RedisFault | null> {
    const texts = parcels.map(({ text }) => text);
    const known = this.#expiring.has(list);
    this.#expiring.set(list, known ? "pushed since" : "set");
    this.#arm();
    try {
      await this.#link.run<unknown>((client) =>
        known ? client.rpush(list, ...texts) : this.#pushAndExpire(client, list, texts),
      );
      return this.#faults.reach("online.push-answer") === "go" ? null : UNANSWERED;
    } catch (error) {
      return this.#link.fault(error) ?? new RedisFault("unavailable", error);
    }
  }

  /** @throws the fault of the push; an expiry that failed is set a moment later */
  async #pushAndExpire(client: RedisClient, list: string, texts: readonly string[]): Promise<void> {
    const replies = await client
      .pipeline()
      .rpush(list, ...texts)
      .pexpire(list, this.#expireMs)
      .exec();
    const [push, expiry] = replies ?? [];
    if (expiry?.[0] instanceof Error) this.#expiring.set(list, "pushed since");
    if (push?.[0] instanceof Error) throw push[0];
  }

  /** U2: sets the expiry of what was pushed to since, and tries again later what fails. Forgets lists that are idle. */
  async #expire(): Promise<void> {
    const pushed = [...this.#expiring].filter(([, state]) => state === "pushed since").map(([list]) => list);
    this.#expiring.clear();
    this.#timer = null;
    for (const [list, lane] of this.#lanes) {
      if (lane.waiting.length === 0 && lane.underWay === 0) this.#lanes.delete(list);
    }
    await Promise.all(
      pushed.map(async (list) => {
        try {
          await this.#link.run((client) => client.pexpire(list, this.#expireMs));
        } catch {
          this.#expiring.set(list, "pushed since");
          this.#arm();
        }
      }),
    );
  }

  #arm(): void {
    if (!this.#closed) this.#timer ??= setTimeout(() => void this.#expire(), EXPIRY_MS).unref();
  }

  /** Sets the expiries that are still to be set. What is sent afterwards is on its own. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#link.usable) await this.#expire();
  }
}

/** U4 */
const MAX_UNDER_WAY = 1;
/** As if the connection had broken just before the answer. */
const UNANSWERED = new RedisFault("unknown", new Error("the answer was left out"));
