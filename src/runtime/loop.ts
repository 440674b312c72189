/**
 * A bounded, stoppable repetition: the skeleton of everything that looks again and again.
 *
 * P1 One round at a time; a round that throws is reported and the next one comes all the same.
 * P2 `stop` resolves after the round under way has ended.
 * P3 `wake` makes the next round come at once; many wakes during a round make one more round.
 */
import type { Clock } from "./clock.ts";
import type { Service } from "./service.ts";

export interface LoopOptions {
  readonly name: string;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly round: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export class Loop implements Service {
  readonly name: string;
  readonly #options: LoopOptions;
  #running: Promise<void> | null = null;
  #pause = new AbortController();
  #stopping = false;
  #woken = false;

  constructor(options: LoopOptions) {
    this.name = options.name;
    this.#options = options;
  }

  start(): Promise<void> {
    this.#stopping = false;
    this.#running ??= this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#pause.abort();
    await this.#running;
    this.#running = null;
  }

  wake(): void {
    this.#woken = true;
    this.#pause.abort();
  }

  async #run(): Promise<void> {
    const { clock, intervalMs, round, onError } = this.#options;
    while (!this.#stopping) {
      this.#woken = false;
      this.#pause = new AbortController();
      try {
        await round();
      } catch (error) {
        onError(error); // P1
      }
      if (!this.#wasWoken()) await clock.sleep(intervalMs, this.#pause.signal);
    }
  }
  #wasWoken(): boolean {
    return this.#woken;
  }
}
