/**
 * Keeps a number of requests under way: what a service can do at most, where an open loop asks how it bears a load.
 * What has no answer `PATIENCE_MS` after the end is counted as "no answer": a service that loses one must not hold us.
 */
import type { HttpCaller } from "./http-caller.ts";
import { LatencyRecord, ANSWERED, type Latency } from "./latency-record.ts";
import { endingOf } from "./open-loop.ts";

const PATIENCE_MS = 5_000;

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
  let tookMs = 0;
  let underWay = 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, seconds * 1_000 + PATIENCE_MS);
    const next = (): void => {
      const sentAtMs = performance.now();
      if (sentAtMs >= endMs) {
        tookMs = sentAtMs - beginMs;
        if (underWay > 0) return;
        clearTimeout(timer);
        resolve();
        return;
      }
      underWay += 1;
      caller.call(request, (reply) => {
        underWay -= 1;
        record.add(sentAtMs - beginMs, endingOf(reply), performance.now() - sentAtMs);
        next();
      });
    };
    for (let n = 0; n < inFlight; n += 1) next();
  });
  for (; underWay > 0; underWay -= 1) record.add(0, "no answer", PATIENCE_MS);
  const { [ANSWERED]: requests = 0, ...failures } = record.endings();
  return { requests, perSecond: (requests * 1_000) / tookMs, latency: record.latency(), failures };
}
