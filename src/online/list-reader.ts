/**
 * Reads lists with `BLMPOP … COUNT`, for ever: what both ends of the online path hear with.
 *
 * The story told most often about queues is the worker that is up, connected, even beating, and takes nothing any
 * more. So:
 *
 * R1 One block lasts a second at most. A connection that stays mute for half a second longer is given up and another
 *    one opened; the time is counted in turns of our own timer, so that a pause of this process is not the socket's.
 * R2 A connection given up may still deliver what Redis had popped for it: that is accepted too, late but not lost.
 * R3 An error never ends the loop; a connection that only fails, has ended, or leads to a server that is not the
 *    primary any more, is replaced.
 * R4 While `capacity` says 0 nothing is popped: what we cannot take is for others.
 * R5 After `stop` nothing is popped; what the last block brought was handed over before `stop` resolves.
 */
import { setTimeout as pause } from "node:timers/promises";
import { closeRedis, connectRedis, type RedisClient } from "../redis/connection.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Service } from "../runtime/service.ts";

export const BLOCK_S = 1;
const TICK_MS = 250;
/** R1: 1.5 s. */
const MUTE_TICKS = 6;
const NOT_PRIMARY = /READONLY|MASTERDOWN|UNBLOCKED/;
/** R3: failures in a row after which the connection is replaced. */
const FAILURES = 20;

export interface ListReaderOptions {
  readonly name: string;
  readonly url: string;
  readonly log: Logger;
  /** Lists to read, in the order of this round; on a Cluster all of one tag. */
  readonly lists: () => readonly string[];
  /** How many entries may be popped now. */
  readonly capacity: () => number;
  /** @param waitedMs from asking to the answer: a list that held something answers within a round trip */
  readonly accept: (entries: readonly string[], waitedMs: number) => void;
}

export class ListReader implements Service {
  readonly name: string;
  readonly #options: ListReaderOptions;
  #client: RedisClient | null = null;
  #loop: Promise<void> | null = null;
  #stopping = false;
  #ticks = 0;
  #timer: NodeJS.Timeout | null = null;
  #wake: (() => void) | null = null;
  /** The block under way: since which tick, and how to stop waiting for it. */
  #block: { readonly sinceTick: number; readonly abandon: () => void } | null = null;

  constructor(options: ListReaderOptions) {
    this.name = `reader ${options.name}`;
    this.#options = options;
  }

  start(): Promise<void> {
    this.#stopping = false;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#loop ??= this.#run();
    return Promise.resolve();
  }

  /** Resolves when the present block has ended, at most after 1.5 s (R5). */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.kick();
    await this.#loop;
    this.#loop = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#disconnect();
  }

  /** As `stop`, without waiting for the block: for lists that die with us. */
  async cut(): Promise<void> {
    this.#stopping = true;
    this.#block?.abandon();
    await this.stop();
  }

  /** Looks at `capacity` again. */
  kick(): void {
    this.#wake?.();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      const count = this.#options.capacity();
      if (count <= 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve)); // R4
        this.#wake = null;
        continue;
      }
      try {
        await this.#read(count);
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#options.log.debug({ err: error, reader: this.name }, "read failed");
        const wrongServer = error instanceof Error && NOT_PRIMARY.test(error.message);
        if (wrongServer || failures % FAILURES === 0 || this.#client?.status === "end") this.#disconnect(); // R3
        await pause(Math.min(10 * failures, 100));
      }
    }
  }

  async #read(count: number): Promise<void> {
    this.#client ??= connectRedis(this.#options.url, { kind: "blocking" }, this.#options.name);
    const lists = [...this.#options.lists()];
    const client = this.#client;
    const askedAtMs = performance.now();
    const ended = await new Promise<"read" | "given up">((resolve, reject) => {
      this.#block = { sinceTick: this.#ticks, abandon: () => resolve("given up") };
      client.blmpop(BLOCK_S, lists.length, lists, "LEFT", "COUNT", count).then((popped) => {
        if (popped !== null) this.#options.accept(popped[1], performance.now() - askedAtMs); // R2: also when it was given up.
        resolve("read");
      }, reject);
    });
    this.#block = null;
    if (ended === "read") return;
    if (!this.#stopping) this.#options.log.warn({ reader: this.name }, "connection was mute and is replaced");
    this.#disconnect();
  }

  #tick(): void {
    this.#ticks += 1;
    if (this.#block !== null && this.#ticks - this.#block.sinceTick > MUTE_TICKS) this.#block.abandon(); // R1
  }

  #disconnect(): void {
    if (this.#client !== null) closeRedis(this.#client);
    this.#client = null;
  }
}
