/** What overload may be answered with: a refusal, at once. */
import type { WorkResult } from "../../support/stage.ts";

/** Of three replicas with 16 slots each, and a task of 50 ms: requests a second. */
export const CAPACITY = 960;
const REFUSALS: readonly string[] = ["503 no_capacity", "429 over_share"];

export interface Refusals {
  readonly count: number;
  /** Of the worst load and kind. */
  readonly p99Ms: number;
  /** What was neither answered nor refused. */
  readonly others: number;
}

export function refusals(loads: readonly WorkResult[]): Refusals {
  const kinds = loads.flatMap(({ load }) => REFUSALS.map((ending) => load.record.latency(ending)));
  const seen = kinds.filter(({ count }) => count > 0);
  const count = seen.reduce((sum, one) => sum + one.count, 0);
  const failed = loads.reduce((sum, one) => sum + one.failed, 0);
  return { count, p99Ms: Math.max(0, ...seen.map(({ p99 }) => p99)), others: failed - count };
}
