/**
 * The connection for pushes and other short commands, watched, so that everybody knows at once when Redis is away.
 *
 * M1 `usable` is false from the moment a command stayed without an answer for `MUTE_TICKS`, or the connection closed,
 *    until it stands again: callers are refused at once instead of each waiting for a timeout of its own. What is under
 *    way then ends in that moment, not when the operating system has given up the connection.
 * M2 The wait is counted in turns of this process's own timer: after a pause of the process (a blocked loop, SIGSTOP)
 *    the answers that lie in the socket are read before anything is judged.
 * M3 A mute connection is torn down, and another one opened: it may be the only thing that is broken. The same when
 *    it stays open without ever getting ready, and when it leads to a server that is not the primary any more.
 * M4 Before it is called mute it is `silent`: nobody can say yet whether it is only slow. Nothing else is to be
 *    blamed meanwhile for what does not come.
 */
import type { Cluster, Redis } from "ioredis";
import { closeRedis, connectRedis, whenReady, type RedisClient } from "../redis/connection.ts";
import { classifyRedisError, RedisFault } from "../redis/fault.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Service } from "../runtime/service.ts";
import { KeyedQueue } from "./keyed-queue.ts";

const TICK_MS = 50;
/** M4: 0.1 to 0.15 s. */
const SILENT_TICKS = 2;
/** 0.4 to 0.45 s: a caller is told within half a second. */
const MUTE_TICKS = 8;
/** 2 s: a connection that does not get through its greeting. */
const GREETING_TICKS = 40;
const NOT_PRIMARY = /READONLY|MASTERDOWN|UNBLOCKED/;
const START_MS = 30_000;

export interface CommandLinkOptions {
  readonly url: string;
  /** Shown by CLIENT LIST. */
  readonly label: string;
  readonly log: Logger;
}

interface Outstanding {
  readonly sinceTick: number;
  readonly giveUp: (fault: RedisFault) => void;
}

export class CommandLink implements Service {
  readonly name = "command-link";
  readonly #options: CommandLinkOptions;
  /** In order of time. */
  #outstanding = new KeyedQueue<Outstanding>();
  readonly #upListeners: (() => void)[] = [];
  readonly #downListeners: (() => void)[] = [];
  #client: RedisClient | null = null;
  #sent = 0;
  #ticks = 0;
  #timer: NodeJS.Timeout | null = null;
  #mute = false;
  #silent = false;
  #notReadyTicks = 0;
  #wasUsable = false;

  constructor(options: CommandLinkOptions) {
    this.#options = options;
  }

  /** @throws Error when Redis does not answer within 30 s */
  async start(): Promise<void> {
    const { url, label } = this.#options;
    const client = connectRedis(url, { kind: "online" }, label);
    this.#client = client;
    await whenReady(client, url, START_MS);
    await nodesReady(client);
    client.on("ready", () => {
      this.#mute = false;
    });
    this.#wasUsable = true;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#client !== null) closeRedis(this.#client);
    this.#client = null;
    return Promise.resolve();
  }

  /** M1 */
  get usable(): boolean {
    return !this.#mute && this.#client?.status === "ready";
  }

  /** M4: has a command waited for its answer for longer than usual, and nothing been answered since? */
  get silent(): boolean {
    return this.#silent && this.usable;
  }

  /** Is called when Redis is back. */
  onUp(listener: () => void): void {
    this.#upListeners.push(listener);
  }

  /** Is called when it has been noticed that Redis is away. */
  onDown(listener: () => void): void {
    this.#downListeners.push(listener);
  }

  /** The connection itself, unwatched. @throws RedisFault when there is none */
  get client(): RedisClient {
    if (this.#client === null) throw new RedisFault("unavailable", new Error("not connected"));
    return this.#client;
  }

  /**
   * Runs short commands, watched.
   * @throws RedisFault; other errors are those of Redis about the command
   */
  async run<T>(operation: (client: RedisClient) => Promise<T>): Promise<T> {
    if (!this.usable) throw new RedisFault("unavailable", new Error("the connection is down"));
    const { client } = this;
    return new Promise<T>((resolve, reject) => {
      const number = ++this.#sent;
      this.#outstanding.add(number, { sinceTick: this.#ticks, giveUp: reject });
      operation(client).then(
        (value) => {
          this.#outstanding.delete(number);
          this.#silent = false;
          resolve(value);
        },
        (error: unknown) => {
          this.#outstanding.delete(number);
          reject(this.fault(error) ?? (error as Error));
        },
      );
    });
  }

  /** What an error of a command means; null when it is about the command. */
  fault(error: unknown): RedisFault | null {
    if (error instanceof Error && NOT_PRIMARY.test(error.message) && !this.#mute) this.#reconnect(); // M3
    return classifyRedisError(error);
  }

  #tick(): void {
    this.#ticks += 1; // M2: an interval that was held up fires once, not for every period that passed.
    const { oldest } = this.#outstanding;
    const waited = oldest === null ? 0 : this.#ticks - oldest.sinceTick;
    if (waited > MUTE_TICKS) this.#reconnect();
    this.#silent = waited > SILENT_TICKS;
    this.#notReadyTicks = this.#client?.status === "ready" ? 0 : this.#notReadyTicks + 1;
    if (this.#notReadyTicks >= GREETING_TICKS) {
      this.#notReadyTicks = 0;
      if (this.#client?.status === "connect") this.#reconnect(); // M3
    }
    const usable = this.usable;
    if (usable && !this.#wasUsable) {
      this.#options.log.info("redis is back");
      for (const listener of this.#upListeners) listener();
    } else if (!usable && this.#wasUsable) {
      this.#options.log.warn("redis is away");
      for (const listener of this.#downListeners) listener();
    }
    this.#wasUsable = usable;
  }

  /** M3 */
  #reconnect(): void {
    this.#mute = true;
    const given = this.#outstanding.values();
    this.#outstanding = new KeyedQueue();
    this.#client?.disconnect(true);
    for (const { giveUp } of given) giveUp(new RedisFault("unknown", new Error("no answer came in time"))); // M1
  }
}

/** Whether this is a Cluster, told without loading the class. */
export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** On a Cluster: waits until every node is connected, for two seconds at most; a dead node must not keep us down. */
async function nodesReady(client: RedisClient): Promise<void> {
  if (!isCluster(client)) return;
  const until = performance.now() + 2_000;
  const waiting = (): Redis[] => client.nodes("master").filter(({ status }) => status !== "ready");
  while (waiting().length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
