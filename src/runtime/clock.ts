/**
 * Time, injected, so that policies can be tested without waiting.
 *
 * K1 Leases, timeouts and ages use `monotonicMs`; the wall clock is only for what people read.
 */
import { setTimeout as sleep } from "node:timers/promises";

export interface Clock {
  /** Wall clock, ms since 1970. May jump. */
  nowMs(): number;
  /** Never goes back; its zero means nothing. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch {
      // Aborted: whoever aborts looks at the signal; a rejection here would have to be caught at every call.
    }
  },
};
