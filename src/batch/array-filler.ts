/**
 * Makes the elements of arrays that were taken on.
 *
 * AF1 It does not matter who does it, nor how many do: the process that took the array, and the caretaker when that
 *     one is gone. Each script goes on from where the array stands, and an element that is there is not made again.
 * AF2 A few elements a script: Redis serves others in between.
 */
import type { ArraySpec } from "../contract/array.ts";
import type { Json } from "../contract/json.ts";
import { elementId, renderInput } from "../domain/array-element.ts";
import { jobsNamedIn, NAMED_AT_MOST } from "../domain/named-jobs.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript } from "../redis/script.ts";
import type { FaultPoints } from "../runtime/fault-points.ts";
import type { BatchScripts } from "./scripts.ts";
import { ticketOf, type TicketQueues } from "./tickets.ts";

/** Elements made by one script, fewer when they name many jobs (AF2). */
const AT_A_TIME = 8;
/** The caretaker goes on with an array that nobody has filled for so long, ms. */
const LEFT_ALONE_MS = 3_000;
/** Scripts of one round of the caretaker. */
const ROUNDS = 150;

export interface ArrayFillerOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly tickets: TicketQueues;
  readonly redisNowMs: () => number;
  readonly faults: FaultPoints;
}

/** The input of one element. */
export function elementInput(template: Json, spec: ArraySpec, index: number): Json {
  return "inputs" in spec ? (spec.inputs[index] ?? null) : renderInput(template, index);
}

export class ArrayFiller {
  readonly #options: ArrayFillerOptions;

  constructor(options: ArrayFillerOptions) {
    this.#options = options;
  }

  /** Makes the elements that are missing. @throws what Redis says */
  async fill(id: string, atMost = Infinity): Promise<void> {
    const { redis, keys, scripts, tickets } = this.#options;
    const [createdText, countText, inputs, input] = await redis.hmget(
      keys.array(id),
      "created",
      "count",
      "inputs",
      "input",
    );
    if (typeof createdText !== "string" || typeof countText !== "string") return;
    const count = Number(countText);
    let created = Number(createdText);
    if (created === count) return;
    const template = JSON.parse(input ?? "null") as Json;
    const spec: ArraySpec = typeof inputs === "string" ? { inputs: JSON.parse(inputs) as Json[] } : { count };
    for (let round = 0; created < count && round < atMost; round += 1) {
      const elements: string[] = [];
      let named = 0;
      const end = Math.min(count, created + AT_A_TIME);
      for (let index = created; index < end && named < NAMED_AT_MOST; index += 1) {
        const text = JSON.stringify(elementInput(template, spec, index));
        const names = jobsNamedIn(text);
        named += names.length;
        elements.push(elementId(id, index), text, names.join("\n"));
      }
      const reply = await runScript(redis, scripts["array-fill"], [keys.root], [id, created, ...elements]);
      const [kind, now, ...ready] = Array.isArray(reply) ? reply : [reply];
      if (kind === "gone") return;
      created = Number(now);
      this.#options.faults.reach("array.after-script");
      await tickets.add(ready.flatMap((item) => ticketOf(item) ?? []));
    }
  }

  /** AF1: goes on with arrays whose maker is gone. */
  async fillAbandoned(): Promise<void> {
    const { redis, keys, redisNowMs } = this.#options;
    const ids = await redis.zrangebyscore(keys.unfilled, "-inf", redisNowMs() - LEFT_ALONE_MS, "LIMIT", 0, 5);
    for (const id of ids) await this.fill(id, ROUNDS);
  }
}
