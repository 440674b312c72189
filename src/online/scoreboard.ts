/**
 * How long attempts take, by task and replica, as this API process sees it: from sending to the answer.
 *
 * S1 The delay before a hedge is reckoned anew a few times a second, not for each request.
 * S2 What has not been answered counts at its present age, so that a replica that freezes shows at once.
 * S3 While this process has too few samples of a replica, the replica's own figure stands in.
 */
import { hedgeDelayMs } from "../domain/hedge.ts";
import { LatencyWindow } from "../domain/latency-window.ts";
import type { ReplicaDirectory } from "./replica-directory.ts";

const WINDOW = 128;
const FEW = 16;
const QUANTILE = 0.95;

export class Scoreboard {
  readonly #directory: ReplicaDirectory;
  readonly #windows = new Map<string, Map<string, LatencyWindow>>();
  #p95s = new Map<string, readonly number[]>();

  constructor(directory: ReplicaDirectory) {
    this.#directory = directory;
  }

  /** An attempt was answered with success. */
  record(task: string, replica: string, ms: number): void {
    let replicas = this.#windows.get(task);
    if (replicas === undefined) {
      replicas = new Map();
      this.#windows.set(task, replicas);
    }
    let window = replicas.get(replica);
    if (window === undefined) {
      window = new LatencyWindow(WINDOW);
      replicas.set(replica, window);
    }
    window.record(ms);
  }

  /**
   * S1: reckons anew.
   * @param unfinished ages of attempts that a replica is known to have: task → replica → ms (S2)
   */
  refresh(unfinished: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>): void {
    const p95s = new Map<string, readonly number[]>();
    for (const task of new Set([...this.#windows.keys(), ...unfinished.keys()])) {
      const windows = this.#windows.get(task);
      const known: number[] = [];
      const live = this.#directory.replicasOf(task).live;
      for (const { id, beat } of live) {
        const ages = unfinished.get(task)?.get(id) ?? [];
        const window = windows?.get(id);
        const own = window !== undefined && window.size >= FEW ? window.quantile(QUANTILE, ages) : null;
        const p95 = own ?? beat.tasks[task]?.p95Ms ?? null; // S3
        if (p95 !== null) known.push(p95);
      }
      p95s.set(task, known);
      // Replicas that are gone leave nothing behind.
      for (const id of windows?.keys() ?? []) if (this.#directory.find(id) === null) windows?.delete(id);
    }
    this.#p95s = p95s;
  }

  /** How old an attempt of `task` may get before it is hedged, ms. */
  hedgeDelayMs(task: string, deadlineMs: number): number {
    return hedgeDelayMs(this.#p95s.get(task) ?? [], deadlineMs);
  }
}
