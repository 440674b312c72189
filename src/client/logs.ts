/**
 * What a job writes, as it writes it: over cut connections, restarts of the API, and from attempt to attempt.
 *
 * LG1 One attempt at a time, by number and byte: after a cut it goes on where it was. (Of a log so long that its
 *     middle was left out some lines may then come twice.)
 * LG2 An answer that ends may be the attempt's end or the API's: the job tells which, and what is stored is read once
 *     more before the next attempt.
 * LG3 Nobody answering for `patienceMs` ends it.
 */
import { isFinalState, type Job } from "../contract/job.ts";
import { mayPass } from "./fault.ts";
import { sleep } from "./http.ts";

export interface LogSource {
  readonly job: () => Promise<Job>;
  readonly read: (place: LogPlace) => Promise<AsyncIterable<Uint8Array>>;
}

export interface LogPlace {
  readonly attempt: number;
  /** In bytes. */
  readonly offset: number;
  /** `stay`: the answer goes on with what is added, until the attempt's end. */
  readonly end: "stay" | "stored";
}

export interface FollowLogOptions {
  /** Only this attempt; default: from the latest one on. */
  readonly attempt?: number | undefined;
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
}

const RECONNECT_MS = 500;

/** @throws CairnProblem, CairnUnreachable, or the reason of the caller's signal */
export async function* followLog(source: LogSource, options: FollowLogOptions): AsyncGenerator<Uint8Array> {
  const { signal, patienceMs } = options;
  let attempt = options.attempt ?? Math.max(1, (await source.job()).attempts);
  let offset = 0;
  let lastContact = performance.now();
  let end: LogPlace["end"] = "stay";
  for (;;) {
    try {
      for await (const chunk of await source.read({ attempt, offset, end })) {
        lastContact = performance.now();
        offset += chunk.length;
        yield chunk;
      }
      const job = await source.job();
      lastContact = performance.now();
      const over = isFinalState(job.state) || job.attempts > attempt;
      if (over && end === "stored") {
        if (job.attempts <= attempt || options.attempt !== undefined) return;
        attempt += 1;
        offset = 0;
        end = "stay";
        continue;
      }
      end = over ? "stored" : "stay"; // LG2
      if (over) continue;
    } catch (error) {
      signal?.throwIfAborted();
      if (!mayPass(error) || performance.now() - lastContact > patienceMs) throw error; // LG3
    }
    await sleep(RECONNECT_MS, signal);
  }
}
