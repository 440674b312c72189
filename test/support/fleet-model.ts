/**
 * A fleet in a few lines, for the policies of admission: processes with a limit each hand requests over to one list,
 * replicas take them in order. Events in virtual time, random numbers from a seed: the same run gives the same figures.
 */
import { ConcurrencyLimit } from "../../src/domain/concurrency-limit.ts";

export interface ModelOptions {
  /** Requests that can run at the same time, over all replicas. */
  readonly servers: number;
  /** What the replicas announce; more than `servers` for handlers that compute, and so run one after the other. */
  readonly slots: number;
  readonly runMs: () => number;
  /** Way to the replicas and back, ms. */
  readonly wayMs: number;
  /** What else it takes, as a busy machine does, at a time in ms; nobody tells. */
  readonly lagMs?: (atMs: number) => number;
  /** Processes with a limit of their own. */
  readonly processes: number;
  /** Requests each process has always under way or waiting. */
  readonly clients: number;
  readonly seconds: number;
  /** What is counted begins here. */
  readonly fromSecond: number;
  /** Called for each answer: what the replica says of it. */
  readonly pushesBack?: (running: number) => boolean;
}

export interface ModelResult {
  /** Answers a second. */
  readonly perSecond: number;
  /** Mean queue in front of the replicas, ms, way included. */
  readonly queueMs: number;
  /** Limits of the processes at the end. */
  readonly limits: readonly number[];
  /** Share of answers that were pushed back. */
  readonly pushedBack: number;
}

interface Sent {
  readonly process: number;
  readonly atMs: number;
}

export function runModel(options: ModelOptions): ModelResult {
  const { servers, slots, runMs, wayMs, clients, seconds, fromSecond, pushesBack = () => false } = options;
  const { lagMs = () => 0 } = options;
  const agenda = new Agenda();
  const limits = Array.from({ length: options.processes }, () => new ConcurrencyLimit(0));
  const underWay = limits.map(() => 0);
  const waiting = limits.map(() => clients);
  const list: Sent[] = [];
  let running = 0;
  const seen = { answers: 0, pushedBack: 0, queueMs: 0 };

  const handOver = (process: number): void => {
    const limit = limits[process];
    if (limit === undefined) return;
    while ((underWay[process] ?? 0) < limit.limit && (waiting[process] ?? 0) > 0) {
      waiting[process] = (waiting[process] ?? 0) - 1;
      underWay[process] = (underWay[process] ?? 0) + 1;
      limit.handedOver(underWay[process], agenda.nowMs);
      const sent = { process, atMs: agenda.nowMs };
      agenda.in(wayMs / 2 + lagMs(agenda.nowMs), () => {
        list.push(sent);
        serve();
      });
    }
  };
  const serve = (): void => {
    while (running < servers && list.length > 0) {
      const sent = list.shift();
      if (sent === undefined) return;
      const refused = pushesBack(running);
      const ms = refused ? 0 : runMs();
      running += 1;
      agenda.in(ms, () => {
        running -= 1;
        serve();
        agenda.in(wayMs / 2, () => answer(sent, ms, refused));
      });
    }
  };
  const answer = ({ process, atMs }: Sent, ms: number, refused: boolean): void => {
    const limit = limits[process];
    if (limit === undefined) return;
    underWay[process] = (underWay[process] ?? 0) - 1;
    waiting[process] = (waiting[process] ?? 0) + 1;
    const queueMs = agenda.nowMs - atMs - ms;
    if (agenda.nowMs >= fromSecond * 1_000) {
      if (refused) seen.pushedBack += 1;
      else {
        seen.answers += 1;
        seen.queueMs += queueMs;
      }
    }
    if (refused) limit.pushedBack(underWay[process], agenda.nowMs);
    else limit.answered({ runMs: ms, queueMs }, underWay[process], agenda.nowMs);
    handOver(process);
  };

  for (const [process, limit] of limits.entries()) {
    limit.setSlots(slots);
    limit.setWay(wayMs);
    handOver(process);
  }
  agenda.run(seconds * 1_000);
  return {
    perSecond: seen.answers / (seconds - fromSecond),
    queueMs: seen.queueMs / Math.max(1, seen.answers),
    limits: limits.map(({ limit }) => limit),
    pushedBack: seen.pushedBack / Math.max(1, seen.pushedBack + seen.answers),
  };
}

/** What happens when: a binary heap by time, and by order among equals. */
class Agenda {
  nowMs = 0;
  #order = 0;
  readonly #heap: { readonly atMs: number; readonly order: number; readonly happen: () => void }[] = [];

  in(ms: number, happen: () => void): void {
    this.#order += 1;
    this.#heap.push({ atMs: this.nowMs + ms, order: this.#order, happen });
    let at = this.#heap.length - 1;
    while (at > 0 && this.#isBefore(at, (at - 1) >> 1)) {
      this.#swap(at, (at - 1) >> 1);
      at = (at - 1) >> 1;
    }
  }

  run(untilMs: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#removeFirst();
      this.nowMs = next.atMs;
      next.happen();
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (this.#heap.length === 0 || last === undefined) return;
    this.#heap[0] = last;
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const child = this.#isBefore(right, left) ? right : left;
      if (!this.#isBefore(child, at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return a !== undefined;
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return;
    this.#heap[one] = b;
    this.#heap[other] = a;
  }
}

/** A repeatable source of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
