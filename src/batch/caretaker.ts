/**
 * What has to happen to jobs although nobody asks: time passes, tickets get lost, workers vanish.
 *
 * Every change is a compare-and-set in a script, so that two caretakers at the same time do no harm; one at a time
 * is enough (`fleet/caretaker-seat.ts`).
 *
 * H1 A round is bounded: it takes a few of everything, and comes again soon.
 * H2 What is due becomes ready by this clock, not by somebody happening to draw from a queue.
 * H3 A ready job without a ticket gets a new one within seconds.
 */
import type { Logger } from "../runtime/logger.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript, type ScriptReply } from "../redis/script.ts";
import type { ArrayFiller } from "./array-filler.ts";
import type { JobGraph } from "./job-graph.ts";
import { queueName, withoutPool, withoutVersion, ticketOf, type Ticket, type TicketQueues } from "./tickets.ts";
import type { BatchScripts } from "./scripts.ts";

const AT_MOST = 25;
/** So long owners whose leases are void have to be affirmed, or to give up (AF1); who is lost meanwhile is found out as ever. */
const AFFIRMED_WITHIN_MS = 10_000;

export interface CaretakerOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly tickets: TicketQueues;
  readonly graph: JobGraph;
  readonly arrays: ArrayFiller;
  readonly redisNowMs: () => number;
  readonly logger: Logger;
}

export class BatchCaretaker {
  readonly #options: CaretakerOptions;
  /** Tickets that were drawn when last looked at, per queue. */
  readonly #drawn = new Map<string, ReadonlySet<string>>();

  constructor(options: CaretakerOptions) {
    this.#options = options;
  }

  /** H2: scheduled → ready, past the deadline → expired; who waits for what has ended is told; and what was begun is finished. */
  async passTime(): Promise<void> {
    const { redis, keys, scripts, tickets, graph, arrays } = this.#options;
    const reply = await runScript(redis, scripts.due, [keys.root], [AT_MOST]);
    await tickets.add(ticketsOf(reply));
    await graph.tellSome();
    await arrays.fillAbandoned();
  }

  /**
   * H3
   * @param served queues that a live worker draws from: a job of any other is told that nobody can run it
   */
  async renewTickets(served: ReadonlySet<string>): Promise<void> {
    const { redis, keys, tickets, redisNowMs } = this.#options;
    const ids = await redis.zrangebyscore(keys.unleased, "-inf", redisNowMs(), "LIMIT", 0, AT_MOST);
    for (const id of ids) {
      const [queue, ready, priority, rank] = await redis.hmget(keys.job(id), "queue", "ready", "priority", "rank");
      if (typeof queue !== "string" || typeof ready !== "string") {
        await redis.zrem(keys.unleased, id);
        continue;
      }
      const ticket: Ticket = {
        ...{ job: id, queue, ready: Number(ready), priority: Number(priority) },
        rank: Number(rank ?? 0),
      };
      await this.#reticket(ticket, (await tickets.waits(ticket)) ? "found" : "missing", servedHow(queue, served));
    }
  }

  /** H3, for tickets that a process drew and then died: they stay drawn in BullMQ. */
  async findStuckTickets(queues: readonly string[]): Promise<void> {
    const { redis, keys, tickets } = this.#options;
    for (const queue of queues) {
      const drawn = await tickets.drawn(queue);
      const before = this.#drawn.get(queue);
      this.#drawn.set(queue, new Set(drawn));
      for (const ticketId of drawn.filter((id) => before?.has(id) === true)) {
        const [, id, ready] = /^(.+)-(\d+)$/.exec(ticketId) ?? [];
        if (id === undefined) continue;
        const [present, priority, rank] = await redis.hmget(keys.job(id), "ready", "priority", "rank");
        if (present === ready) {
          await this.#reticket(
            { job: id, queue, ready: Number(ready), priority: Number(priority), rank: Number(rank ?? 0) },
            "missing",
            "served",
          );
        }
        await tickets.forget(queue, ticketId);
      }
    }
  }

  /**
   * Takes all leases of a lost worker away.
   * @param keepBoot leases of this start of the agent stay: set when an agent cleans up after its predecessor
   */
  async takeLeasesFrom(workerId: string, keepBoot: string | null): Promise<number> {
    const { redis, keys, scripts, tickets, logger } = this.#options;
    let taken = 0;
    for (const state of ["running", "stopping"]) {
      for (const id of await redis.zrange(
        keys.index(`s=${state}&w=${workerId}`),
        "-",
        "+",
        "BYLEX",
        "LIMIT",
        0,
        1_000,
      )) {
        const [generation, counter] = await redis.hmget(keys.job(id), "fenceGeneration", "fenceCounter");
        const reply = await runScript(
          redis,
          scripts.lose,
          [keys.root],
          [id, generation ?? "", counter ?? "", workerId, keepBoot ?? "", "worker_lost"],
        );
        if (!Array.isArray(reply) || reply[0] !== "ok") continue;
        taken += 1;
        logger.warn(
          { jobId: id, lost: workerId, state: reply[1], fence: `${generation}.${counter}` },
          "lease taken from a lost worker",
        );
        const ticket = ticketOf(reply[2]);
        if (ticket === null) continue;
        await tickets.forgetIdle(ticket.queue, workerId);
        await tickets.add([ticket]);
      }
    }
    return taken;
  }

  /**
   * Takes the leases that are void since Redis was set back (N3) and that nobody has affirmed or given up, from a
   * bounded look at the running batch jobs.
   */
  async takeVoidLeases(): Promise<void> {
    const { redis, keys, scripts, tickets, redisNowMs, logger } = this.#options;
    const [voidBelow, voidAt] = await redis.hmget(keys.generation, "voidBelow", "voidAt");
    const below = Number(voidBelow ?? 0);
    const sinceMs = redisNowMs() - Number(voidAt ?? 0);
    if (below === 0 || (sinceMs >= 0 && sinceMs < AFFIRMED_WITHIN_MS)) return;
    for (const state of ["running", "stopping"]) {
      for (const id of await redis.zrange(keys.index(`s=${state}&c=batch`), "-", "+", "BYLEX", "LIMIT", 0, 500)) {
        const fields = ["fenceGeneration", "fenceCounter", "worker", "affirmed"] as const;
        const [generation, counter, worker, affirmed] = await redis.hmget(keys.job(id), ...fields);
        if (Math.max(Number(generation), Number(affirmed ?? 0)) >= below) continue;
        const args = [id, generation ?? "", counter ?? "", worker ?? "", "", "redis_set_back"];
        const reply = await runScript(redis, scripts.lose, [keys.root], args);
        if (!Array.isArray(reply) || reply[0] !== "ok") continue;
        logger.warn({ jobId: id, worker, fence: `${generation}.${counter}` }, "lease void: Redis was set back");
        const ticket = ticketOf(reply[2]);
        if (ticket !== null) await tickets.add([ticket]);
      }
    }
  }

  /** Says in the history of what a silent worker runs that it keeps its leases for now: many are silent at once. */
  async spare(workerId: string, silent: number, workers: number): Promise<void> {
    const { redis, keys, scripts } = this.#options;
    for (const state of ["running", "stopping"]) {
      const index = keys.index(`s=${state}&w=${workerId}`);
      for (const id of await redis.zrange(index, "-", "+", "BYLEX", "LIMIT", 0, AT_MOST)) {
        await runScript(redis, scripts.spare, [keys.root], [id, workerId, silent, workers]);
      }
    }
  }

  /** Workers that hold leases, from a bounded look at the running batch jobs. */
  async holders(): Promise<ReadonlySet<string>> {
    const { redis, keys } = this.#options;
    const ids = (
      await Promise.all(
        ["running", "stopping"].map((state) =>
          redis.zrange(keys.index(`s=${state}&c=batch`), "-", "+", "BYLEX", "LIMIT", 0, 500),
        ),
      )
    ).flat();
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hget(keys.job(id), "worker");
    const replies = (await pipeline.exec()) ?? [];
    return new Set(replies.flatMap(([, worker]) => (typeof worker === "string" && worker !== "" ? [worker] : [])));
  }

  async #reticket(ticket: Ticket, found: "found" | "missing", by: Served): Promise<void> {
    const { redis, keys, scripts, tickets } = this.#options;
    const args = [ticket.job, ticket.ready, found, by];
    const renewed = ticketOf(await runScript(redis, scripts.reticket, [keys.root], args));
    if (renewed !== null) await tickets.add([renewed]);
  }
}

type Served = "served" | "unserved" | "other_pool" | "other_version";

/** Does somebody draw from the queue; or from one of the same task, at another checkpoint version or in another pool? */
function servedHow(queue: string, served: ReadonlySet<string>): Served {
  if (served.has(queue)) return "served";
  const task = withoutVersion(queue);
  const others = [...served];
  if (others.some((other) => withoutVersion(other) === task)) return "other_version";
  return others.some((other) => withoutPool(other) === withoutPool(queue)) ? "other_pool" : "unserved";
}

function ticketsOf(reply: ScriptReply): Ticket[] {
  return Array.isArray(reply) ? reply.flatMap((item) => ticketOf(item) ?? []) : [];
}

/** Queues of the known batch tasks in `pools`. */
export function queuesOf(
  tasks: readonly { readonly name: string; readonly class: string; readonly checkpointVersion: number | null }[],
  pools: readonly string[],
): string[] {
  return [
    ...new Set(
      tasks
        .filter((task) => task.class === "batch")
        .flatMap((task) => pools.map((pool) => queueName(pool, task.name, task.checkpointVersion ?? 1))),
    ),
  ];
}
