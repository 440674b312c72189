/**
 * Refuses at the door what a stale attempt wants to write.
 *
 * It is no replacement for the fenced commit, only an early word to a writer that lost its lease while it was frozen:
 * that spares the disk its gigabytes, and the attempt its work.
 *
 * D1 Objects and manifests carry the fence of their writer in their names. Fences of a job only grow, so whoever comes
 *    with a lower one than another has shown already has lost its lease.
 * D2 What is not known is let through. After a restart the manifests in the store tell which fences there were.
 * D3 Memory is bounded: of the jobs that wrote longest ago the door forgets, and asks the store again.
 */
import { storeNames, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import { compareFences } from "../../src/domain/fence.ts";

const MOST_JOBS = 10_000;

type PlainFence = storeNames.PlainFence;

interface Seen {
  highest: PlainFence;
}

export type Admission = { readonly kind: "open" } | { readonly kind: "stale"; readonly detail: string };

export class FenceDoor {
  readonly #store: CheckpointStore;
  /** By job, the one that wrote longest ago first. */
  readonly #jobs = new Map<string, Promise<Seen>>();

  constructor(store: CheckpointStore) {
    this.#store = store;
  }

  /** May `name` be written? From now on nothing older may. @throws StoreFault */
  async admit(name: string): Promise<Admission> {
    const writer = storeNames.writerOf(name);
    if (writer === null) return { kind: "open" };
    const seen = await this.#seen(writer.job);
    if (compareFences(writer.fence, seen.highest) >= 0) {
      seen.highest = writer.fence; // D1
      return { kind: "open" };
    }
    const { generation, counter } = seen.highest;
    return { kind: "stale", detail: `an attempt with the newer fence ${generation}.${counter} has written already` };
  }

  #seen(job: string): Promise<Seen> {
    const seen = this.#jobs.get(job) ?? this.#recall(job);
    this.#jobs.delete(job);
    this.#jobs.set(job, seen);
    if (this.#jobs.size > MOST_JOBS) this.#jobs.delete(this.#jobs.keys().next().value ?? ""); // D3
    return seen;
  }

  /** D2 */
  async #recall(job: string): Promise<Seen> {
    try {
      let highest: PlainFence = { generation: 0, counter: 0 };
      for await (const name of this.#store.list(storeNames.manifestFolder(job))) {
        const fence = storeNames.writerOf(name)?.fence;
        if (fence !== undefined && compareFences(fence, highest) > 0) highest = fence;
      }
      return { highest };
    } catch (error) {
      this.#jobs.delete(job); // Whoever comes next asks again.
      throw error;
    }
  }
}
