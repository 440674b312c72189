/**
 * What became of the requests of a load, second by second: HDR histograms (three figures, 1 µs to 2 minutes), one for
 * each kind of ending in each second in which a request was due.
 */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Times in ms. */
export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** How a request ended when it was answered as wished. */
export const ANSWERED = "answered";

const HIGHEST_US = 120_000_000;

export class LatencyRecord {
  readonly #seconds: Map<string, RecordableHistogram>[] = [];

  /**
   * @param dueMs when it was due, from the begin of the load
   * @param ending `ANSWERED`, or in words what became of it
   */
  add(dueMs: number, ending: string, latencyMs: number): void {
    const second = Math.floor(dueMs / 1_000);
    let endings = this.#seconds[second];
    if (endings === undefined) {
      endings = new Map();
      this.#seconds[second] = endings;
    }
    let histogram = endings.get(ending);
    if (histogram === undefined) {
      histogram = createHistogram({ lowest: 1, highest: HIGHEST_US, figures: 3 });
      endings.set(ending, histogram);
    }
    histogram.record(Math.min(HIGHEST_US, Math.max(1, Math.round(latencyMs * 1_000))));
  }

  /** Latencies of what ended so, and was due in these seconds (the last one excluded). */
  latency(ending: string = ANSWERED, fromSecond = 0, toSecond = Number.POSITIVE_INFINITY): Latency {
    const sum = createHistogram({ lowest: 1, highest: HIGHEST_US, figures: 3 });
    for (const endings of this.#between(fromSecond, toSecond)) {
      const one = endings.get(ending);
      if (one !== undefined) sum.add(one);
    }
    const ms = (percentile: number): number => (sum.count === 0 ? Number.NaN : sum.percentile(percentile) / 1_000);
    return { count: sum.count, p50: ms(50), p90: ms(90), p99: ms(99), p999: ms(99.9), max: ms(100) };
  }

  /** How many ended in which way, of what was due in these seconds. */
  endings(fromSecond = 0, toSecond = Number.POSITIVE_INFINITY): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const endings of this.#between(fromSecond, toSecond)) {
      for (const [ending, { count }] of endings) counts[ending] = (counts[ending] ?? 0) + count;
    }
    return counts;
  }

  #between(fromSecond: number, toSecond: number): Map<string, RecordableHistogram>[] {
    // A second in which nothing was due leaves a hole.
    return this.#seconds.filter((_, second) => second >= fromSecond && second < toSecond);
  }
}

/** One number among several rounds. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
