/**
 * Tickets: the hints, kept by BullMQ, that a job is ready.
 *
 * There is one queue per pool, task and checkpoint version, so that a worker draws only what it can run.
 *
 * W1 The record is truth: a ticket that is missing, double or stale costs time, never correctness.
 * W2 Ticket ids are never used twice: `<job>-<ready number>`, and the number grows each time the job becomes ready.
 * W3 A ticket ends as soon as the lease is granted or refused; BullMQ's lock never spans an attempt.
 */
import { Queue, Worker, type Job as BullJob } from "bullmq";
import { ticketPlace } from "../domain/fair-share.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import type { ScriptReply } from "../redis/script.ts";

export interface Ticket {
  readonly job: string;
  readonly queue: string;
  readonly ready: number;
  /** −10…10, higher first. */
  readonly priority: number;
  /** Among those of its priority, lower first (`domain/fair-share.ts`). */
  readonly rank: number;
}

/** Name of the queue for what runs in `pool` as `task` with checkpoints of `version`. */
export function queueName(pool: string, task: string, version: number): string {
  return `${pool}.${task}.v${version}`;
}

/** What the queues of a task in a pool have in common, whatever their version. */
export function withoutVersion(queue: string): string {
  return queue.slice(0, queue.lastIndexOf(".v"));
}

/** What the queues of a task at one version have in common, whatever their pool. */
export function withoutPool(queue: string): string {
  return queue.slice(queue.indexOf(".") + 1);
}

/** Reads the ticket that a script returns; null for its empty answer. */
export function ticketOf(reply: ScriptReply | undefined): Ticket | null {
  if (!Array.isArray(reply)) return null;
  const [job, queue, ready, priority, rank] = reply;
  return {
    job: String(job),
    queue: String(queue),
    ready: Number(ready),
    priority: Number(priority),
    rank: Number(rank ?? 0),
  };
}

/** W2 */
const ticketId = (ticket: Pick<Ticket, "job" | "ready">): string => `${ticket.job}-${ticket.ready}`;

/** A ticket that has ended leaves nothing behind. */
const TICKET_OPTIONS = { removeOnComplete: true, removeOnFail: true } as const;

interface TicketData {
  readonly job: string;
  readonly ready: number;
}

export interface TicketQueuesOptions {
  /** A connection for BullMQ. */
  readonly bull: RedisClient;
  /** A connection for plain commands. */
  readonly redis: RedisClient;
  readonly keys: Keys;
}

/** The queues as whoever makes jobs ready sees them. */
export class TicketQueues {
  readonly #options: TicketQueuesOptions;
  readonly #queues = new Map<string, Queue<TicketData>>();
  #pending: Ticket[] = [];
  #adding: Promise<void> | null = null;

  constructor(options: TicketQueuesOptions) {
    this.#options = options;
  }

  /**
   * Adds tickets, and wakes one idle worker for each. What one turn of the event loop adds goes together: a sweep of
   * 10,000 jobs is some hundred commands.
   */
  async add(tickets: readonly Ticket[]): Promise<void> {
    if (tickets.length === 0) return;
    this.#pending.push(...tickets);
    this.#adding ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        const pending = this.#pending;
        this.#pending = [];
        this.#adding = null;
        this.#addNow(pending).then(resolve, reject);
      });
    });
    await this.#adding;
  }

  async #addNow(tickets: readonly Ticket[]): Promise<void> {
    const byQueue = new Map<string, Ticket[]>();
    for (const ticket of tickets) byQueue.set(ticket.queue, [...(byQueue.get(ticket.queue) ?? []), ticket]);
    await Promise.all(
      [...byQueue].map(async ([queue, group]) => {
        await this.#queue(queue).addBulk(
          group.map((ticket) => ({
            name: "ticket",
            data: { job: ticket.job, ready: ticket.ready },
            opts: { ...TICKET_OPTIONS, jobId: ticketId(ticket), priority: ticketPlace(ticket.priority, ticket.rank) },
          })),
        );
        await this.#wake(queue, group.length);
      }),
    );
  }

  async #wake(queue: string, count: number): Promise<void> {
    const { redis, keys } = this.#options;
    const idle = await redis.spop(keys.idle(queue), count);
    await Promise.all(
      idle.map((worker) => redis.multi().lpush(keys.wake(worker), "work").pexpire(keys.wake(worker), 60_000).exec()),
    );
  }

  /** This worker waits for nothing any more: a ticket that wakes it would wait until others look by themselves. */
  async forgetIdle(queue: string, workerId: string): Promise<void> {
    const { redis, keys } = this.#options;
    await redis.srem(keys.idle(queue), workerId);
  }

  /** Is the ticket waiting to be drawn? */
  async waits(ticket: Ticket): Promise<boolean> {
    const { redis } = this.#options;
    const score = await redis.zscore(this.#queue(ticket.queue).toKey("prioritized"), ticketId(ticket));
    return score !== null;
  }

  /**
   * Tickets that were drawn and have not ended: normally for some milliseconds each. One that stays was drawn by a
   * process that died, and nobody will draw it again.
   */
  async drawn(queue: string): Promise<string[]> {
    return this.#options.redis.lrange(this.#queue(queue).toKey("active"), 0, 99);
  }

  /** Removes a ticket that stayed drawn. Its lock may still stand; then a later call removes it. */
  async forget(queue: string, id: string): Promise<void> {
    await this.#queue(queue).remove(id);
  }

  /** How many tickets wait, per queue. */
  async depths(queues: readonly string[]): Promise<Map<string, number>> {
    const counts = await Promise.all(
      queues.map((queue) => this.#options.redis.zcard(this.#queue(queue).toKey("prioritized"))),
    );
    return new Map(queues.map((queue, at) => [queue, counts[at] ?? 0]));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    this.#queues.clear();
  }

  #queue(name: string): Queue<TicketData> {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      const { bull, keys } = this.#options;
      queue = new Queue<TicketData>(name, {
        connection: bull,
        prefix: keys.bull,
        streams: { events: { maxLen: 100 } },
        skipMetasUpdate: true,
      });
      queue.on("error", () => undefined);
      this.#queues.set(name, queue);
    }
    return queue;
  }
}

/** A ticket in hand. */
export interface DrawnTicket {
  readonly job: string;
  readonly ready: number;
  readonly queue: string;
  /** W3: ends the ticket. */
  settle(): Promise<void>;
}

/** The queues as an agent sees them. */
export class TicketDrawer {
  readonly #options: TicketQueuesOptions;
  readonly #workers = new Map<string, Worker<TicketData>>();

  constructor(options: TicketQueuesOptions) {
    this.#options = options;
  }

  /**
   * Draws the best waiting ticket of `queues`: highest priority first, then fair shares of callers, then the oldest job. One round trip looks at
   * all heads, so that a worker with many queues that are empty costs next to nothing.
   *
   * @param token who draws, for BullMQ's lock
   */
  async draw(queues: readonly string[], token: string): Promise<DrawnTicket | null> {
    const heads = await this.#heads(queues);
    for (const { queue } of heads) {
      const bullJob = (await this.#worker(queue).getNextJob(token, { block: false })) as
        BullJob<TicketData> | undefined;
      if (bullJob === undefined) continue; // another worker was quicker
      return {
        job: bullJob.data.job,
        ready: bullJob.data.ready,
        queue,
        settle: async () => {
          await bullJob.moveToCompleted("", token, false);
        },
      };
    }
    return null;
  }

  /** Says that this worker waits for work on `queues`: the next ticket wakes it. */
  async await(queues: readonly string[], workerId: string): Promise<void> {
    const { redis, keys } = this.#options;
    const pipeline = redis.pipeline();
    for (const queue of queues) pipeline.sadd(keys.idle(queue), workerId).pexpire(keys.idle(queue), 60_000);
    await pipeline.exec();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.close(true)));
    this.#workers.clear();
  }

  async #heads(
    queues: readonly string[],
  ): Promise<{ readonly queue: string; readonly priority: number; readonly id: string }[]> {
    const { redis, keys } = this.#options;
    const pipeline = redis.pipeline();
    for (const queue of queues) pipeline.zrange(`${keys.bull}:${queue}:prioritized`, 0, "0", "WITHSCORES");
    const replies = (await pipeline.exec()) ?? [];
    return replies
      .flatMap(([error, reply], at) => {
        if (error !== null) throw error;
        const [id, score] = reply as string[];
        const queue = queues[at];
        if (id === undefined || score === undefined || queue === undefined) return [];
        // BullMQ's score is priority · 2³² + a counter of the queue; job ids sort by time of submission.
        return [{ queue, priority: Math.floor(Number(score) / 2 ** 32), id }];
      })
      .sort((a, b) => a.priority - b.priority || (a.id < b.id ? -1 : 1));
  }

  #worker(name: string): Worker<TicketData> {
    let worker = this.#workers.get(name);
    if (worker === undefined) {
      const { bull, keys } = this.#options;
      worker = new Worker<TicketData>(name, null, {
        connection: bull,
        prefix: keys.bull,
        autorun: false,
        skipStalledCheck: true,
        lockDuration: 5_000,
      });
      worker.on("error", () => undefined);
      this.#workers.set(name, worker);
    }
    return worker;
  }
}
