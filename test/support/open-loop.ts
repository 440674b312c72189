/**
 * Load at fixed times, whatever becomes of the earlier requests: a stall shows, where a closed loop would hide it.
 *
 * O1 Latency counts from when a request was due: what waited for its turn here counts too (coordinated omission).
 * O2 Everything ends: what has no answer `PATIENCE_MS` after the last request was due is counted as "no answer".
 */
import { setTimeout as delay } from "node:timers/promises";
import type { HttpCaller, Reply } from "./http-caller.ts";
import { ANSWERED, LatencyRecord } from "./latency-record.ts";

const PATIENCE_MS = 15_000;
const KEPT_MISSES = 100_000;

export interface OpenLoopOptions {
  readonly caller: HttpCaller;
  /** The n-th request, from 0. */
  readonly request: (n: number) => Buffer;
  /** What its answer means: `ANSWERED`, or in words what is wrong. Default: a 200 is right, else status and code. */
  readonly ending?: (reply: Reply, n: number) => string;
  readonly perSecond: number;
  /** How long; absent: as long as `while` says. */
  readonly seconds?: number;
  readonly while?: () => boolean;
  /** What happens at which second, once each. */
  readonly events?: readonly { readonly atSecond: number; readonly run: () => unknown }[];
}

/** A request that was not answered as wished. Times in ms, from the begin of the load. */
export interface Miss {
  readonly dueMs: number;
  readonly endedMs: number;
  readonly ending: string;
}

export interface OpenLoopResult {
  readonly sent: number;
  readonly answered: number;
  /** What was not answered as wished, in words, with how often. */
  readonly failures: Readonly<Record<string, number>>;
  readonly failed: number;
  readonly record: LatencyRecord;
  /** The first hundred thousand that failed. */
  readonly misses: readonly Miss[];
  /** When it began, `performance.now()`. */
  readonly beginMs: number;
  /** By how much the generator itself was late at worst, ms: latencies hold no truth below it. */
  readonly lateMs: number;
}

export async function openLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  const { caller, request, ending = endingOf, perSecond, events = [] } = options;
  const { seconds = Number.POSITIVE_INFINITY, while: more = () => true } = options;
  const record = new LatencyRecord();
  const total = Math.round(perSecond * seconds);
  const due = [...events].sort((a, b) => a.atSecond - b.atSecond);
  const happening: Promise<unknown>[] = [];
  const pending = new Map<number, number>();
  let lateMs = 0;
  const beginMs = performance.now();
  const misses: Miss[] = [];
  const end = (dueMs: number, how: string): void => {
    const endedMs = performance.now() - beginMs;
    record.add(dueMs, how, endedMs - dueMs); // O1
    if (how !== ANSWERED && misses.length < KEPT_MISSES) misses.push({ dueMs, endedMs, ending: how });
  };
  const begin = (n: number): void => {
    const dueMs = (n * 1_000) / perSecond;
    lateMs = Math.max(lateMs, performance.now() - beginMs - dueMs);
    pending.set(n, dueMs);
    caller.call(request(n), (reply) => {
      if (!pending.delete(n)) return; // O2
      end(dueMs, ending(reply, n));
    });
  };
  let n = 0;
  while (n < total && more()) {
    const passed = performance.now() - beginMs;
    while (due[0] !== undefined && due[0].atSecond * 1_000 <= passed) {
      happening.push(Promise.resolve(due.shift()?.run()));
    }
    const until = Math.min(total, Math.floor((passed * perSecond) / 1_000) + 1);
    for (; n < until; n += 1) begin(n);
    await delay(1);
  }
  await Promise.all(happening);
  const patientUntil = performance.now() + PATIENCE_MS;
  while (pending.size > 0 && performance.now() < patientUntil) await delay(10);
  for (const dueMs of pending.values()) end(dueMs, "no answer");
  pending.clear();
  const { [ANSWERED]: answered = 0, ...failures } = record.endings();
  return { sent: n, answered, failures, failed: n - answered, record, misses, beginMs, lateMs };
}

/** A 200 is what was wished; else the status and the problem's code. */
export function endingOf(reply: Reply): string {
  if (reply.kind === "broken") return `connection ${reply.why}`;
  if (reply.status === 200) return ANSWERED;
  const code = /"code":"(\w+)"/.exec(reply.body.toString())?.[1];
  return code === undefined ? String(reply.status) : `${reply.status} ${code}`;
}
