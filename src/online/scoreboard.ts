/**
 * How long attempts take and how they end, by task and replica, as this API process sees them: from sending to the
 * answer.
 *
 * S1 The delay before a hedge, and what counts as slow, are reckoned anew a few times a second, not for each request.
 * S2 What has not been answered counts at its present age, so that a replica that freezes shows at once.
 * S3 While this process has too few samples of a replica, the replica's own figure stands in.
 * S4 An attempt that another one has overtaken took at least as long as that: else the replica that is hedged most
 *    would be the one of which least is known.
 */
import { slowBarMs } from "../domain/ejection.ts";
import { hedgeDelayMs, typicalP95Ms } from "../domain/hedge.ts";
import { LatencyWindow } from "../domain/latency-window.ts";
import { TrackRecord, type Conduct } from "../domain/track-record.ts";
import type { KnownReplica, ReplicaDirectory } from "./replica-directory.ts";

const WINDOW = 128;
const FEW = 16;
const QUANTILE = 0.95;

interface Row {
  readonly window: LatencyWindow;
  readonly record: TrackRecord;
  /** Above this an attempt counts as slow, ms. */
  barMs: number;
}

/** A live replica of a task, and how it does. */
export interface Judged {
  readonly replica: KnownReplica;
  readonly p95Ms: number | null;
  /** Median of the others' p95. */
  readonly peersP95Ms: number | null;
  readonly conduct: Conduct;
}

export class Scoreboard {
  readonly #directory: ReplicaDirectory;
  readonly #tasks = new Map<string, Map<string, Row>>();
  #typicalP95s = new Map<string, number | null>();

  constructor(directory: ReplicaDirectory) {
    this.#directory = directory;
  }

  /** An attempt was answered with success. */
  record(task: string, replica: string, ms: number): void {
    const { window, record, barMs } = this.#rowOf(task, replica);
    window.record(ms);
    if (ms > barMs) record.slow();
    else record.good();
  }

  /** An attempt of that age lost the race against one that was sent later, to another replica (S4). */
  overtaken(task: string, replica: string, ms: number): void {
    const { window, record } = this.#rowOf(task, replica);
    window.record(ms);
    record.slow();
  }

  /** An attempt failed, by the fault of the task or of where it ran. */
  failed(task: string, replica: string): void {
    this.#rowOf(task, replica).record.failed();
  }

  /** Nothing seen of late is held against anybody: this process was not able to look. */
  forgetConduct(): void {
    for (const rows of this.#tasks.values()) for (const { record } of rows.values()) record.forget();
  }

  /**
   * S1: reckons anew.
   * @param unfinished ages of attempts that a replica is known to have: task → replica → ms (S2)
   * @returns the live replicas of each task of which something is known
   */
  refresh(unfinished: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>): Map<string, Judged[]> {
    const typicalP95s = new Map<string, number | null>();
    const judged = new Map<string, Judged[]>();
    for (const task of new Set([...this.#tasks.keys(), ...unfinished.keys()])) {
      const rows = this.#tasks.get(task);
      const ages = (id: string): readonly number[] => unfinished.get(task)?.get(id) ?? [];
      const live = this.#directory.replicasOf(task).live.map((replica) => {
        const window = rows?.get(replica.id)?.window;
        const own = window !== undefined && window.size >= FEW ? window.quantile(QUANTILE, ages(replica.id)) : null;
        return { replica, p95Ms: own ?? replica.beat.tasks[task]?.p95Ms ?? null }; // S3
      });
      typicalP95s.set(task, typicalP95Ms(live.flatMap(({ p95Ms }) => p95Ms ?? [])));
      judged.set(
        task,
        live.map((one) => {
          const others = live.filter(({ replica }) => replica !== one.replica).flatMap(({ p95Ms }) => p95Ms ?? []);
          const peersP95Ms = median(others);
          const row = this.#rowOf(task, one.replica.id);
          row.barMs = slowBarMs(peersP95Ms);
          const overdue = ages(one.replica.id).filter((ms) => ms > row.barMs).length;
          return { ...one, peersP95Ms, conduct: row.record.turn(overdue) };
        }),
      );
      // Replicas that are gone leave nothing behind.
      for (const id of rows?.keys() ?? []) if (this.#directory.find(id) === null) rows?.delete(id);
    }
    this.#typicalP95s = typicalP95s;
    return judged;
  }

  /** How old an attempt of `task` may get before it is hedged, ms. */
  hedgeDelayMs(task: string, deadlineMs: number): number {
    return hedgeDelayMs(this.#typicalP95s.get(task) ?? null, deadlineMs);
  }

  #rowOf(task: string, replica: string): Row {
    let rows = this.#tasks.get(task);
    if (rows === undefined) {
      rows = new Map();
      this.#tasks.set(task, rows);
    }
    let row = rows.get(replica);
    if (row === undefined) {
      row = { window: new LatencyWindow(WINDOW), record: new TrackRecord(), barMs: Number.POSITIVE_INFINITY };
      rows.set(replica, row);
    }
    return row;
  }
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}
