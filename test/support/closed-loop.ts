/** Keeps a number of requests under way: what a service can do at most, where an open loop asks how it bears a load. */
import type { HttpCaller } from "./http-caller.ts";
import { LatencyRecord, ANSWERED, type Latency } from "./latency-record.ts";
import { endingOf } from "./open-loop.ts";

export interface ClosedLoopResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly latency: Latency;
  /** What was not answered as wished, in words, with how often. */
  readonly failures: Readonly<Record<string, number>>;
}

export async function closedLoop(options: {
  readonly caller: HttpCaller;
  readonly request: Buffer;
  readonly inFlight: number;
  readonly seconds: number;
}): Promise<ClosedLoopResult> {
  const { caller, request, inFlight, seconds } = options;
  const record = new LatencyRecord();
  const beginMs = performance.now();
  const endMs = beginMs + seconds * 1_000;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const next = (): void => {
        const sentAtMs = performance.now();
        if (sentAtMs >= endMs) {
          resolve();
          return;
        }
        caller.call(request, (reply) => {
          record.add(sentAtMs - beginMs, endingOf(reply), performance.now() - sentAtMs);
          next();
        });
      };
      next();
    });
  await Promise.all(Array.from({ length: inFlight }, one));
  const tookMs = performance.now() - beginMs;
  const { [ANSWERED]: requests = 0, ...failures } = record.endings();
  return { requests, perSecond: (requests * 1_000) / tookMs, latency: record.latency(), failures };
}
