/**
 * Coalesced sends: what one turn of the event loop has for a list goes there in one command.
 *
 * U1 Order within a list is the order of `send`.
 * U2 The expiry of a list is set in the same write as every push: a list that was emptied is a new one.
 * U3 Every parcel that was still wanted is told what became of it, once: pushed, or the fault.
 * U4 While a push to a list is under way, what comes for it waits and goes with the next one: the busier Redis is, the
 *    fewer commands it gets.
 */
import type { CommandLink } from "./command-link.ts";
import { RedisFault } from "../redis/fault.ts";

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

export class Outbox {
  readonly #link: CommandLink;
  readonly #expireMs: number;
  readonly #lanes = new Map<string, Lane>();
  #due: string[] = [];

  /** @param expireMs after which a list nobody reads is gone; longer than anything in it is worth */
  constructor(link: CommandLink, expireMs: number) {
    this.#link = link;
    this.#expireMs = expireMs;
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
    if (parcels.length === 0) {
      if (lane.underWay === 0) this.#lanes.delete(list);
      return;
    }
    lane.underWay += 1;
    const fault = await this.#write(list, parcels);
    lane.underWay -= 1;
    for (const parcel of parcels) {
      if (fault === null) parcel.pushed();
      else parcel.notPushed(fault); // U3
    }
    if (lane.waiting.length > 0) this.#schedule(list);
    else if (lane.underWay === 0) this.#lanes.delete(list);
  }

  async #write(list: string, parcels: readonly Parcel[]): Promise<RedisFault | null> {
    try {
      const replies = await this.#link.run((client) =>
        client
          .pipeline()
          .rpush(list, ...parcels.map(({ text }) => text))
          .pexpire(list, this.#expireMs) // U2
          .exec(),
      );
      const error = replies?.[0]?.[0];
      if (error === null || error === undefined) return null;
      return this.#link.fault(error) ?? new RedisFault("unavailable", error);
    } catch (error) {
      return this.#link.fault(error) ?? new RedisFault("unavailable", error);
    }
  }
}

/** U4 */
const MAX_UNDER_WAY = 1;
