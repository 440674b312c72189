/**
 * One task in one replica: takes attempts from the task's list and the replica's own, runs as many as it may.
 *
 * L1 It takes at most its share, ⌈slots / live replicas⌉, at a time: one that takes all it can hold takes them from
 *    replicas that have nothing to do. Only while the list holds a full share each time it asks, at once (so that no
 *    other replica can have been waiting), it asks for twice as many: fewer, larger batches make a busy list cheap.
 * L2 The two lists are read in turns: the first of two busy lists would starve the other.
 * L3 What was popped beyond the slots (other tasks used them meanwhile) waits here, is started in order, and nothing
 *    more is popped until it has been.
 * L4 Once draining, whatever comes is handed back.
 * L5 While it is parked it leaves the task's list to others; what is sent to it alone it takes.
 */
import { AttemptRun, type RunServices, type ServedTask } from "./attempt-run.ts";
import { LatencyWindow } from "../domain/latency-window.ts";
import { Parking } from "../domain/parking.ts";
import { ListReader } from "./list-reader.ts";
import type { Slots } from "./slots.ts";
import { CANARY, decodeTask, WAKE, type AnswerStatus } from "./wire.ts";
import type { FaultPoints } from "../runtime/fault-points.ts";
import type { Logger } from "../runtime/logger.ts";

const SAMPLES = 256;
/** L1: more than any sensible number of replicas; the free slots are the limit. */
const MOST_PLENTY = 64;

/** Where an answer without a run goes: format, definition and drain are found out before; a canary asks for none. */
export interface Refusal {
  readonly api: string;
  readonly id: string;
  readonly attempt: number;
  readonly status: AnswerStatus;
}

export interface TaskLaneOptions {
  readonly served: ServedTask;
  readonly replicaId: string;
  readonly url: string;
  readonly log: Logger;
  readonly faults: FaultPoints;
  readonly taskList: string;
  readonly ownList: string;
  readonly slots: Slots;
  /** How many live replicas serve the task, this one included. */
  readonly liveReplicas: () => number;
  /** An answer of Redis that took longer has waited for something. */
  readonly roundTripMs: () => number;
  readonly runServices: Omit<RunServices, "finish">;
  readonly refuse: (refusal: Refusal) => void;
  /** An attempt is here: running, or about to. */
  readonly arrived: (run: AttemptRun) => void;
  /** An attempt has ended; its slot is free. */
  readonly finished: RunServices["finish"];
}

export class TaskLane {
  readonly #options: TaskLaneOptions;
  readonly #reader: ListReader;
  readonly #runServices: RunServices;
  readonly #waiting: AttemptRun[] = [];
  readonly #latencies = new LatencyWindow(SAMPLES);
  readonly #parking = new Parking();
  #running = 0;
  #taken = 0;
  /** How many the next read asks for beyond its share, as a factor (L1). */
  #plenty = 1;
  #asked = 0;
  #ownFirst = false;
  #draining = false;

  constructor(options: TaskLaneOptions) {
    this.#options = options;
    const { served, url, log, taskList, ownList } = options;
    this.#runServices = { ...options.runServices, finish: this.#onFinish };
    const orders = [
      [taskList, ownList],
      [ownList, taskList],
    ] as const;
    const own = [ownList] as const;
    this.#reader = new ListReader({
      name: `${options.replicaId}:${served.task.name}`,
      url,
      log,
      lists: () => {
        if (this.parked) return own; // L5
        this.#ownFirst = !this.#ownFirst;
        return orders[this.#ownFirst ? 1 : 0]; // L2
      },
      capacity: () => this.#capacity(),
      accept: (entries, waitedMs) => {
        const plenty = entries.length >= this.#asked && waitedMs <= options.roundTripMs();
        this.#plenty = plenty ? Math.min(2 * this.#plenty, MOST_PLENTY) : 1; // L1
        this.accept(entries);
      },
    });
  }

  get task(): string {
    return this.#options.served.task.name;
  }

  /** Attempts that are here. */
  get inFlight(): number {
    return this.#running + this.#waiting.length;
  }

  /** Entries that came, since the start. */
  get taken(): number {
    return this.#taken;
  }

  /** How many more it could start now. */
  get free(): number {
    return Math.max(0, Math.min(this.#concurrency - this.inFlight, this.#options.slots.free));
  }

  get parked(): boolean {
    return this.#parking.isParked(this.#options.runServices.monotonicMs());
  }

  /**
   * An API process has this replica parked for a while, or takes that back (0 ms).
   * @returns whether it is parked now and was not: its reader waits for the task's list still
   */
  park(by: string, forMs: number): boolean {
    const was = this.parked;
    this.#parking.order(by, forMs, this.#options.runServices.monotonicMs());
    return !was && this.parked;
  }

  /** How many run at the same time at most. */
  get most(): number {
    const { served, slots } = this.#options;
    return Math.min(served.task.concurrency, slots.total);
  }

  /** 95th percentile of the handler's time, ms. */
  get p95Ms(): number | null {
    return this.#latencies.quantile(0.95);
  }

  start(): Promise<void> {
    return this.#reader.start();
  }

  /** Hands back what has not started, and takes nothing more; resolves when nothing can come any more. */
  async drain(): Promise<void> {
    this.#draining = true;
    for (const run of this.#waiting.splice(0)) {
      this.#options.finished(run, { status: "not_started", body: "", retryAfterMs: 0 });
    }
    await this.#reader.stop();
  }

  /** Entries that were popped, by the reader or for it. */
  accept(entries: readonly string[]): void {
    for (const entry of entries) this.#take(entry);
  }

  /** Slots may have become free: starts what waits, and reads again. */
  kick(): void {
    while (this.#waiting.length > 0 && this.#start(this.#waiting[0])) this.#waiting.shift();
    this.#reader.kick();
  }

  /** At the same time; less than the task allows while it begins again. */
  get #concurrency(): number {
    const { served, runServices } = this.#options;
    return this.#parking.limit(served.task.concurrency, runServices.monotonicMs());
  }

  #capacity(): number {
    if (this.#draining || this.#waiting.length > 0) return 0; // L3
    if (this.#options.faults.reach("online.read") === "skip") return 0;
    const { slots, liveReplicas } = this.#options;
    const share = Math.ceil(this.most / Math.max(1, liveReplicas())) * this.#plenty; // L1
    this.#asked = Math.min(this.#concurrency - this.#running, slots.free, share);
    return this.#asked;
  }

  #take(text: string): void {
    const { refuse, served, arrived } = this.#options;
    const decoded = decodeTask(text);
    if (decoded.kind === "noise") {
      if (text !== WAKE) this.#options.log.warn({ entry: text.slice(0, 200) }, "entry cannot be read");
      return;
    }
    if (decoded.kind === "other_format") {
      refuse({ ...decoded, status: "unsupported" });
      return;
    }
    this.#taken += 1;
    const { entry } = decoded;
    if (entry.definitions[0] === CANARY) refuse({ ...entry, status: "ok" });
    else if (!entry.definitions.includes(served.definition)) {
      refuse({ ...entry, status: "unsupported" });
    } else if (this.#draining)
      refuse({ ...entry, status: "not_started" }); // L4
    else {
      const run = new AttemptRun(served, entry, this.#runServices);
      arrived(run);
      if (this.#waiting.length > 0 || !this.#start(run)) this.#waiting.push(run); // L3
    }
  }

  /** @returns false when there is no slot */
  #start(run: AttemptRun | undefined): boolean {
    const { served, slots } = this.#options;
    if (run === undefined) return false;
    if (this.#running >= served.task.concurrency || !slots.take()) return false;
    this.#running += 1;
    run.begin();
    return true;
  }

  readonly #onFinish: RunServices["finish"] = (run, result) => {
    this.#running -= 1;
    this.#options.slots.release();
    if (result.status === "ok") this.#latencies.record(run.runUs / 1_000);
    this.#options.finished(run, result);
  };
}
