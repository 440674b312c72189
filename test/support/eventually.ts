/**
 * Bounded polling with a label, for what happens in another process.
 *
 * EV1 What takes longer is looked at less often: most looks are requests to a process of the test, and cost the
 *     processors that what is waited for needs.
 */
import { setTimeout as delay } from "node:timers/promises";

/** Pause between two looks, ms (EV1). */
const SHORTEST_MS = 25;
const LONGEST_MS = 100;
/** A wait lasts longer by such a part at most for not being looked at at once. */
const LATE_SHARE = 1 / 20;

/**
 * Looks until `look` returns something other than undefined, false or null.
 *
 * @param label what is waited for, for the message when it does not come
 * @param options.withinMs generous: it is no measurement, and the machine may be busy
 */
export async function eventually<Found>(
  label: string,
  look: () => Found | Promise<Found>,
  options: { readonly withinMs?: number } = {},
): Promise<NonNullable<Exclude<Found, false>>> {
  const { withinMs = 60_000 } = options;
  const begin = performance.now();
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) {
      return found as NonNullable<Exclude<Found, false>>;
    }
    const waitedMs = performance.now() - begin;
    if (waitedMs > withinMs) throw new Error(`Waited ${withinMs} ms in vain: ${label}`);
    await delay(Math.min(LONGEST_MS, Math.max(SHORTEST_MS, waitedMs * LATE_SHARE)));
  }
}
