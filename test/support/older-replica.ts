/**
 * A replica as one of an older build speaks: beats without what later ones say of themselves, answers without later
 * words, orders that it does not know passed over. It takes `work` from the task's list and from its own.
 */
import { setTimeout as delay } from "node:timers/promises";
import { decodeBeat } from "../../src/online/beat.ts";
import { closeRedis, connectRedis, type RedisClient } from "../../src/redis/connection.ts";
import type { Keys } from "../../src/redis/keys.ts";
import { eventually } from "./eventually.ts";

const ID = "older";
const TASK = "work";
const SLOTS = 16;
const BEAT_MS = 250;
/** As much as a replica's share is, with two others. */
const SHARE = 6;

export class OlderReplica {
  readonly #keys: Keys;
  readonly #reader: RedisClient;
  readonly #speaker: RedisClient;
  readonly #definition: string;
  readonly #loops: Promise<void>[];
  #held = 0;
  #counter = 0;
  #stopping = false;
  /** Attempts that it has answered. */
  answered = 0;
  /** What it was asked for in words that it does not know. */
  unsupported = 0;

  private constructor(url: string, keys: Keys, definition: string) {
    this.#keys = keys;
    this.#definition = definition;
    this.#reader = connectRedis(url, { kind: "blocking" }, "older-replica-reader");
    this.#speaker = connectRedis(url, { kind: "command", commandTimeoutMs: 2_000 }, "older-replica");
    this.#loops = [this.#beat(), this.#read()];
  }

  /** Beside replicas that serve `work` already: it has the same definition of it. */
  static async join(url: string, keys: Keys): Promise<OlderReplica> {
    const client = connectRedis(url, { kind: "command", commandTimeoutMs: 2_000 }, "older-replica-look");
    try {
      const definition = await eventually("somebody serves work", async () => {
        const beats = await client.hvals(keys.replicas).catch(() => []);
        return (
          beats.map((text) => decodeBeat(text)?.tasks[TASK]?.definition ?? null).find((one) => one !== null) ?? null
        );
      });
      return new OlderReplica(url, keys, definition);
    } finally {
      closeRedis(client);
    }
  }

  /** Leaves as replicas leave: takes nothing more, answers what it has, takes its beat away. */
  async leave(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    while (this.#held > 0) await delay(10);
    await this.#speaker.hdel(this.#keys.replicas, ID);
    closeRedis(this.#reader);
    closeRedis(this.#speaker);
  }

  async #beat(): Promise<void> {
    while (!this.#stopping) {
      this.#counter += 1;
      const beat = {
        worker: ID,
        zone: null,
        pid: process.pid,
        state: "ready",
        lagMs: 0,
        slots: SLOTS,
        inFlight: this.#held,
        tasks: { [TASK]: { definition: this.#definition, free: SLOTS - this.#held, p95Ms: null } },
      };
      await this.#speaker
        .hset(this.#keys.replicas, ID, `1 ${this.#counter} ${JSON.stringify(beat)}`)
        .catch(() => undefined);
      await delay(BEAT_MS);
    }
  }

  async #read(): Promise<void> {
    const lists = [this.#keys.replicaList(TASK, ID), this.#keys.taskList(TASK)];
    while (!this.#stopping) {
      const room = Math.min(SHARE, SLOTS - this.#held);
      if (room <= 0) {
        await delay(2);
        continue;
      }
      const popped = await this.#reader.blmpop(0.5, lists.length, lists, "LEFT", "COUNT", room).catch(() => null);
      if (popped === null) await delay(1);
      else for (const entry of popped[1]) void this.#run(entry);
    }
  }

  async #run(entry: string): Promise<void> {
    const end = entry.indexOf("\n");
    const [format, id = "", attempt = "", api = "", , definitions = ""] = entry.slice(0, end).split(" ");
    this.#held += 1;
    if (format !== "1" || !definitions.split(",").includes(this.#definition)) {
      this.unsupported += 1;
      await this.#say(api, `1 ${id} ${attempt} unsupported ${ID} 0 0\n`);
    } else {
      await this.#say(api, `1 ${id} ${attempt} taken ${ID} 0 0\n`);
      const { n, ms } = JSON.parse(entry.slice(end + 1)) as { readonly n: number; readonly ms: number };
      await delay(ms);
      await this.#say(api, `1 ${id} ${attempt} ok ${ID} ${ms * 1_000} 0\n${JSON.stringify({ n })}`);
      this.answered += 1;
    }
    this.#held -= 1;
  }

  async #say(api: string, text: string): Promise<void> {
    await this.#speaker.rpush(this.#keys.replies(api), text).catch(() => undefined);
  }
}
