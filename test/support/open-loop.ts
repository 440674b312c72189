/** Load at fixed times, whatever becomes of the earlier requests: a stall shows, where a closed loop would hide it. */
import { setTimeout as delay } from "node:timers/promises";

export interface LoadResult {
  readonly sent: number;
  readonly answered: number;
  /** What failed, by message, with how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** Latencies of the answered ones, ms, ascending. */
  readonly latenciesMs: readonly number[];
}

export interface LoadOptions {
  readonly perSecond: number;
  readonly seconds: number;
  readonly send: (n: number) => Promise<unknown>;
  /** What happens at which second, once each. */
  readonly events?: readonly { readonly atSecond: number; readonly run: () => unknown }[];
}

export async function openLoop(options: LoadOptions): Promise<LoadResult> {
  const { perSecond, seconds, send, events = [] } = options;
  const failures: Record<string, number> = {};
  const latenciesMs: number[] = [];
  const pending: Promise<void>[] = [];
  const total = perSecond * seconds;
  const happening: Promise<unknown>[] = [];
  const due = [...events].sort((a, b) => a.atSecond - b.atSecond);
  const beginMs = performance.now();
  for (let n = 0; n < total; n += 1) {
    const atMs = beginMs + (n * 1_000) / perSecond;
    await delay(Math.max(0, atMs - performance.now()));
    while (due[0] !== undefined && beginMs + due[0].atSecond * 1_000 <= performance.now()) {
      happening.push(Promise.resolve(due.shift()?.run()));
    }
    pending.push(
      send(n).then(
        // From when it was due: what waited for its turn here counts too (coordinated omission).
        () => void latenciesMs.push(performance.now() - atMs),
        (error: unknown) => {
          const text = error instanceof Error ? error.message : String(error);
          failures[text] = (failures[text] ?? 0) + 1;
        },
      ),
    );
  }
  await Promise.all(pending);
  await Promise.all(happening);
  return { sent: total, answered: latenciesMs.length, failures, latenciesMs: latenciesMs.sort((a, b) => a - b) };
}

/** The `share`-quantile of ascending values. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
