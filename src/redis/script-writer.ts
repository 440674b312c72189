/**
 * How a change to the records becomes true: as soon as Redis has it (`fast`), or when a replica has it too
 * (`replicated`): then a primary that is lost takes nothing with it that anybody was told.
 *
 * SW1 Script and WAIT go to one server, in one pipeline over one connection that nothing is sent again on: after a
 *     failover in between, the new primary would acknowledge what only the old one had.
 * SW2 WAIT speaks of what its own connection has written. So a write of ours stands before it: a script that is
 *     repeated, because the first answer was lost, may write nothing itself.
 * SW3 WAIT holds up whatever comes after it on its connection: it has one of its own, and what comes meanwhile goes
 *     together.
 * SW4 Too few acknowledgements are not an answer: it stands in this Redis and may be lost with it (`unknown`).
 */
import { closeRedis, connectRedis, whenReady, type RedisClient } from "./connection.ts";
import { RedisFault } from "./fault.ts";
import { runScript, type Script, type ScriptReply } from "./script.ts";

export interface ScriptWriter {
  /** @throws what Redis answered; RedisFault of kind `unknown` when it is not known to last (SW4) */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<ScriptReply>;
}

/** Durability `fast`. */
export function fastWriter(client: RedisClient): ScriptWriter {
  return { run: (script, keys, args) => runScript(client, script, keys, args) };
}

export interface OpenScriptWriter extends ScriptWriter {
  /** Resolves when it can be used. @throws Error after 30 s, with what to look at */
  ready(): Promise<void>;
  close(): void;
}

const READY_WITHIN_MS = 30_000;

/** The writer for a durability; for `replicated` with a connection of its own (SW3). */
export function openScriptWriter(options: {
  readonly durability: "fast" | "replicated";
  readonly redis: RedisClient;
  readonly url: string;
  readonly label: string;
  /** See `ReplicatedWriterOptions`. */
  readonly key: string;
  readonly withinMs: number;
}): OpenScriptWriter {
  const { durability, redis, url, label, key, withinMs } = options;
  if (durability === "fast") {
    return { ...fastWriter(redis), ready: () => Promise.resolve(), close: () => undefined };
  }
  // What comes meanwhile waits for one round before its own.
  const client = connectRedis(url, { kind: "command", commandTimeoutMs: 2 * withinMs }, `${label}:durable`);
  const writer = new ReplicatedWriter({ client, key, replicas: 1, withinMs });
  return {
    run: (script, keys, args) => writer.run(script, keys, args),
    ready: () => whenReady(client, url, READY_WITHIN_MS),
    close: () => closeRedis(client),
  };
}

export interface ReplicatedWriterOptions {
  /** SW3: nobody else's. */
  readonly client: RedisClient;
  /** Where the write of ours goes (SW2); on a Cluster of the scripts' own tag. */
  readonly key: string;
  /** How many replicas must have a write. */
  readonly replicas: number;
  /** How long their acknowledgement is waited for, ms; the client's own timeout is longer. */
  readonly withinMs: number;
}

interface Call {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
  /** Redis does not know the script yet. */
  unknown: boolean;
  readonly done: (reply: ScriptReply) => void;
  readonly failed: (error: unknown) => void;
}

/** Scripts in one pipeline: they hold Redis one after the other. */
const MOST_AT_ONCE = 32;

/** Durability `replicated`. */
export class ReplicatedWriter implements ScriptWriter {
  readonly #options: ReplicatedWriterOptions;
  #calls: Call[] = [];
  #sending = false;

  constructor(options: ReplicatedWriterOptions) {
    this.#options = options;
  }

  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<ScriptReply> {
    return new Promise((done, failed) => {
      this.#calls.push({ script, keys, args, unknown: false, done, failed });
      if (!this.#sending) void this.#sendAll();
    });
  }

  /** SW3 */
  async #sendAll(): Promise<void> {
    this.#sending = true;
    while (this.#calls.length > 0) await this.#send(this.#calls.splice(0, MOST_AT_ONCE));
    this.#sending = false;
  }

  async #send(calls: readonly Call[]): Promise<void> {
    const { client, key, replicas, withinMs } = this.#options;
    const pipeline = client.pipeline();
    for (const { script, keys, args, unknown } of calls) {
      if (unknown) pipeline.eval(script.text, keys.length, ...keys, ...args);
      else pipeline.evalsha(script.sha, keys.length, ...keys, ...args);
    }
    pipeline.set(key, "", "PX", 60_000).wait(replicas, withinMs); // SW1, SW2
    let replies: [unknown, unknown][];
    try {
      replies = (await pipeline.exec()) ?? [];
    } catch (error) {
      for (const { failed } of calls) failed(error);
      return;
    }
    const doubt = doubtOf(replies.at(-1), replicas);
    for (const [at, call] of calls.entries()) {
      const [error, reply] = replies[at] ?? [new Error("no reply"), null];
      if (error instanceof Error && error.message.startsWith("NOSCRIPT")) this.#calls.push({ ...call, unknown: true });
      else if (error !== null) call.failed(error);
      else if (doubt !== null) call.failed(doubt);
      else call.done(reply as ScriptReply);
    }
  }
}

/** SW4: what is to be said of a write that WAIT does not vouch for; null: it lasts. */
function doubtOf(waited: [unknown, unknown] | undefined, replicas: number): unknown {
  const [error, acknowledged] = waited ?? [new Error("no reply"), 0];
  if (error !== null) return new RedisFault("unknown", error);
  if (Number(acknowledged) >= replicas) return null;
  return new RedisFault("unknown", new Error(`${String(acknowledged)} of ${replicas} replicas have it`));
}
