/**
 * What becomes of an attempt whose lease is void because Redis has lost its memory (N3): it is affirmed, and goes on as
 * if nothing had happened; or it is given up, and its job begins from the last checkpoint that Redis remembers.
 *
 * That an old owner is not brought back to life by it rests on this:
 *
 * AF1 Affirmed is only who is the owner in the record that Redis came back with: generation, counter and token. So at
 *     most one attempt of a job is, and all that others write is refused, now as before (F2). Until it is settled the
 *     owner's writes wait (`must_wait`); they are not refused.
 * AF2 A newer owner that Redis has forgotten has left nothing that counts. Before its first checkpoint is committed,
 *     every attempt has noted in the store that it began, under its fence; so has whoever parked or ended the job since
 *     (`marks/`). The owner asks the store for such notes after Redis came back, and one newer than itself is the end
 *     of it. A newer owner that has no note yet then writes it too late to commit anything: Redis refuses it by AF1.
 *     An outcome is written once (O1 of checkpoints/outcome.ts): whoever ends adopts the one that stands.
 * AF3 A newer owner without a note may have run all the same. Nothing outside of Cairn may have come of that, so tasks
 *     with effects outside are never affirmed, nor is anybody who cannot ask the store: they wait, or are given up.
 * AF4 The record knows fewer checkpoints than its owner. The owner says those again, each with its number, in order,
 *     before anything else; who does not remember all of them is given up.
 * AF5 Redis may lose its memory again meanwhile: affirmed is for the loss that the owner had seen when it asked.
 */
import type { Fence } from "../domain/fence.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript } from "../redis/script.ts";
import type { BatchScripts } from "./scripts.ts";
import { ticketOf, type TicketQueues } from "./tickets.ts";

export interface VoidLeasesOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly tickets: TicketQueues;
  readonly workerId: string;
  readonly onTicketError: (error: unknown) => void;
}

export class VoidLeases {
  readonly #options: VoidLeasesOptions;

  constructor(options: VoidLeasesOptions) {
    this.#options = options;
  }

  /**
   * Affirms a lease of which nobody newer was found (AF2).
   * @param below what the renewal had said: leases of generations below are void (AF5)
   * @returns `unsettled`: ask again @throws what Redis says
   */
  async affirm(job: string, fence: Fence, below: number): Promise<"affirmed" | "lost" | "unsettled"> {
    const { redis, keys, scripts } = this.#options;
    const args = [job, fence.generation, fence.counter, fence.token, below];
    const reply = await runScript(redis, scripts.affirm, [keys.root], args);
    return (Array.isArray(reply) ? reply[0] : reply) as "affirmed" | "lost" | "unsettled";
  }

  /** Gives one up, so that its job is given out again at once. Nothing of the attempt may run any more. @throws what Redis says */
  async giveUp(job: string, fence: Fence): Promise<void> {
    const { redis, keys, scripts, tickets, workerId, onTicketError } = this.#options;
    const args = [job, fence.generation, fence.counter, workerId, "", "redis_set_back"];
    const reply = await runScript(redis, scripts.lose, [keys.root], args);
    const ticket = Array.isArray(reply) && reply[0] === "ok" ? ticketOf(reply[2]) : null;
    // A ticket that cannot be added now is the caretaker's (J2).
    if (ticket !== null) await tickets.add([ticket]).catch(onTicketError);
  }
}
