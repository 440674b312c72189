/**
 * What callers may see of a Redis that is away, and the expectations of it: who asks meanwhile is refused within half
 * a second, in words; nothing else fails; 3 s after its return everything is as before, and no process was restarted.
 */
import type { Expectation } from "../../support/scenario.ts";
import { atMost, countAtMost } from "../../support/scenario.ts";
import type { WorkResult } from "../../support/stage.ts";

/** All times in ms from the begin of the load. */
export interface Outage {
  readonly fromMs: number;
  /** When Redis answers again. */
  readonly untilMs: number;
}

const RECOVERY_MS = 3_000;
/** A request on its way when Redis goes can still be refused or answered a moment later. */
const ON_THE_WAY_MS = 500;
const REFUSED = "503 redis_unavailable";

/** @param doneTwice share of the requests whose work may have been done twice */
export function outageExpectations(load: WorkResult, outages: readonly Outage[], doneTwice = 0.02): Expectation[] {
  const { misses, record } = load.load;
  const during = (ms: number): boolean =>
    outages.some(({ fromMs, untilMs }) => ms >= fromMs - ON_THE_WAY_MS && ms <= untilMs + RECOVERY_MS);
  const untruthful = misses.filter(({ ending }) => ending !== REFUSED);
  const elsewhen = misses.filter(({ dueMs }) => !during(dueMs));
  const recovery = outages.map(({ untilMs }, at) => {
    const next = outages[at + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
    // What was on its way when Redis went again belongs to the next outage.
    const own = misses.filter(({ dueMs }) => dueMs >= untilMs && dueMs < next - ON_THE_WAY_MS);
    return Math.max(0, ...own.map(({ dueMs }) => dueMs - untilMs));
  });
  return [
    countAtMost("failed otherwise than refused for lack of Redis", untruthful.length, 0),
    countAtMost("failed while Redis was well", elsewhen.length, 0),
    countAtMost("handlers that ran to their end twice", load.executions.endedTwice, allowedTwice(load, doneTwice)),
    // Some milliseconds more: latency counts from when a request was due.
    atMost("refused within, at worst", record.latency(REFUSED).max, 550),
    atMost("last refusal after its return, at worst", Math.max(0, ...recovery), RECOVERY_MS),
  ];
}

/** An answer that Redis lost with its memory makes the work be done again: at-least-once is what is promised. */
function allowedTwice(load: WorkResult, share: number): number {
  return Math.ceil(load.executions.requests * share);
}
