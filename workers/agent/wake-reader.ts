/**
 * The agent's one control read: whoever has news for this worker puts a word on its list, and the agent looks.
 *
 * WR1 A word carries nothing but "look": what is wanted stands in the records, so a lost word costs a beat at most.
 * WR2 A read that is mute longer than it may block has a dead socket: the socket is destroyed and the read begins anew.
 */
import type { Clock } from "../../src/runtime/clock.ts";
import type { Service } from "../../src/runtime/service.ts";
import type { RedisClient } from "../../src/redis/connection.ts";

const BLOCK_SECONDS = 1;
const MUTE_MS = 2_000;
const PAUSE_MS = 200;

export interface WakeReaderOptions {
  /** A connection of its own: it blocks. */
  readonly client: RedisClient;
  readonly key: string;
  readonly clock: Clock;
  readonly onWake: () => void;
}

export class WakeReader implements Service {
  readonly name = "wake-reader";
  readonly #options: WakeReaderOptions;
  readonly #stopped = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: WakeReaderOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    this.#running ??= this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#options.client.disconnect();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { client, key, clock, onWake } = this.#options;
    while (!this.#stopped.signal.aborted) {
      const mute = setTimeout(() => client.disconnect(true), MUTE_MS); // WR2
      try {
        const words = await client.blmpop(BLOCK_SECONDS, 1, key, "LEFT", "COUNT", 64);
        if (words !== null) onWake();
      } catch {
        await clock.sleep(PAUSE_MS, this.#stopped.signal);
      } finally {
        clearTimeout(mute);
      }
    }
  }
}
