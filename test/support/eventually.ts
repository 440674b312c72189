/** Bounded polling with a label, for what happens in another process. */
import { setTimeout as delay } from "node:timers/promises";

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
    if (performance.now() - begin > withinMs) throw new Error(`Waited ${withinMs} ms in vain: ${label}`);
    await delay(25);
  }
}
