/**
 * The serving processes of one API: as many as configured, at all times.
 *
 * O1 One that dies is replaced at once; when that happens again and again, after growing pauses.
 * O2 An upgrade replaces one after the other: the new one serves before the old one gets its last connection.
 * O3 What was asked of an old one is answered before it ends, within a bound.
 * O4 One that ends because the checkpoint store is not the fleet's would be followed by others with the same fate: when
 *    none is left that serves, the whole API is given up, by whoever started it.
 */
import type { Logger } from "../src/runtime/logger.ts";
import type { Service } from "../src/runtime/service.ts";
import type { MetricsSnapshot } from "./metrics-gather.ts";
import { ServingChild } from "./serving-child.ts";
import type { Taker } from "./listener.ts";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/** One that served this long has not failed to start: the next pause is the first again (O1). */
const STEADY_MS = 10_000;
/** Beyond the time it may take to end what is under way (O3). */
const MARGIN_MS = 3_000;

export interface ServingPoolOptions {
  readonly entry: URL;
  readonly size: number;
  readonly drainMs: number;
  readonly logger: Logger;
  /** A process has begun to serve. */
  readonly onServing: () => void;
  /** O4; the message says what to do. */
  readonly onForeignStore: (message: string) => void;
}

export class ServingPool implements Service {
  readonly name = "serving pool";
  readonly #options: ServingPoolOptions;
  readonly #children = new Set<ServingChild>();
  readonly #readyAtMs = new Map<ServingChild, number>();
  /** What they said who ended for their store (O4). */
  readonly #foreign = new Map<ServingChild, string>();
  #turn = 0;
  #stopping = false;
  #pauseMs = FIRST_PAUSE_MS;
  #replacing: Promise<void> | null = null;

  constructor(options: ServingPoolOptions) {
    this.#options = options;
  }

  /** Resolves when all serve. A process that cannot serve is tried again and again: Redis may be on its way. */
  async start(): Promise<void> {
    const { size } = this.#options;
    for (let made = 0; made < size; made += 1) this.#make();
    await this.#until(() => this.#serving().length >= size);
  }

  /** Whose turn it is to take a connection; null when nobody serves. Better one that does not take it yet than none. */
  next(): Taker | null {
    const serving = this.#serving();
    const taking = serving.filter(({ takes }) => takes);
    const pool = taking.length > 0 ? taking : serving;
    this.#turn += 1;
    const child = pool[this.#turn % pool.length];
    return child === undefined ? null : (socket, lost) => child.take(socket, lost);
  }

  /** O2; a second call while one is under way waits for that one. */
  async replaceAll(): Promise<void> {
    this.#replacing ??= this.#replaceAll().finally(() => {
      this.#replacing = null;
    });
    await this.#replacing;
  }

  /** Everybody's next answer closes its connection. */
  drain(): void {
    this.#stopping = true;
    for (const child of this.#children) child.drain();
  }

  /** O3 */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#children].map((child) => child.stop(this.#options.drainMs + MARGIN_MS)));
  }

  async #replaceAll(): Promise<void> {
    const { drainMs, logger } = this.#options;
    for (const old of this.#serving()) {
      if (this.#stopping) return;
      const fresh = this.#make();
      await this.#until(() => fresh.serves || !fresh.stays || this.#stopping);
      if (!fresh.serves) {
        logger.error({ pid: old.pid }, "replacement does not serve; the rest stay as they are");
        return;
      }
      await old.stop(drainMs + MARGIN_MS);
    }
    logger.info({ processes: this.#serving().length }, "all serving processes replaced");
  }

  #make(): ServingChild {
    const child = new ServingChild(this.#options.entry, {
      onReady: (ready) => {
        this.#readyAtMs.set(ready, performance.now());
        this.#options.logger.info({ child: ready.pid }, "serving process ready");
        this.#options.onServing();
      },
      onForeignStore: (going, message) => this.#foreign.set(going, message),
      onExit: (gone, how) => this.#onExit(gone, how),
      others: (asking) => this.#metricsOfOthers(asking),
    });
    this.#children.add(child);
    return child;
  }

  /** O1 */
  #onExit(child: ServingChild, how: string): void {
    const readyAtMs = this.#readyAtMs.get(child);
    this.#readyAtMs.delete(child);
    this.#children.delete(child);
    const foreign = this.#foreign.get(child);
    this.#foreign.delete(child);
    if (foreign !== undefined && this.#serving().length === 0 && !this.#stopping) {
      this.#stopping = true;
      this.#options.onForeignStore(foreign); // O4
    }
    const staying = [...this.#children].filter(({ stays }) => stays).length;
    if (this.#stopping || staying >= this.#options.size) return;
    const steady = readyAtMs !== undefined && performance.now() - readyAtMs >= STEADY_MS;
    this.#pauseMs = steady ? FIRST_PAUSE_MS : Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    this.#options.logger.error(
      { child: child.pid, how, pauseMs: this.#pauseMs },
      "serving process died; making another",
    );
    setTimeout(() => {
      if (!this.#stopping) this.#make();
    }, this.#pauseMs);
  }

  async #metricsOfOthers(asking: ServingChild): Promise<readonly MetricsSnapshot[]> {
    const others = this.#serving().filter((child) => child !== asking);
    const snapshots = await Promise.all(others.map((child) => child.metrics()));
    return snapshots.filter((snapshot) => snapshot !== null);
  }

  #serving(): ServingChild[] {
    return [...this.#children].filter(({ serves }) => serves);
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.#stopping) await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
