/**
 * A job as it changes, until its end.
 *
 * W1 What is yielded is always the job's record, read anew: an event only says that it is worth looking.
 * W2 Looked at after every event, and every `everyMs` besides: progress is not an event, and a stream may be late.
 * W3 An API that is away for less than `patienceMs` is waited for: a simulation of days outlives its restarts.
 */
import { isFinalState, type Job, type JobEventView } from "../contract/job.ts";
import { mayPass } from "./fault.ts";

export interface JobSource {
  readonly job: (signal: AbortSignal) => Promise<Job>;
  readonly events: (signal: AbortSignal) => AsyncIterable<JobEventView>;
}

export interface FollowJobOptions {
  readonly everyMs: number;
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** @throws CairnProblem, CairnUnreachable, or the reason of the caller's signal */
export async function* followJob(source: JobSource, options: FollowJobOptions): AsyncGenerator<Job> {
  const over = new AbortController();
  const signal = options.signal === undefined ? over.signal : AbortSignal.any([over.signal, options.signal]);
  const bell = new Bell();
  const listening = listen(source, signal, bell);
  let lastContact = performance.now();
  try {
    for (;;) {
      bell.silence();
      try {
        const job = await source.job(signal);
        lastContact = performance.now();
        yield job;
        if (isFinalState(job.state)) return;
      } catch (error) {
        signal.throwIfAborted();
        if (!mayPass(error) || performance.now() - lastContact > options.patienceMs) throw error; // W3
      }
      await bell.rung(options.everyMs, signal); // W2
      signal.throwIfAborted();
    }
  } finally {
    over.abort();
    await listening;
  }
}

/** Rings for every event. A stream that fails is not missed: `everyMs` looks all the same (W2). */
async function listen(source: JobSource, signal: AbortSignal, bell: Bell): Promise<void> {
  try {
    const events = source.events(signal)[Symbol.asyncIterator]();
    while ((await events.next()).done !== true) bell.ring();
  } catch {
    // W2
  }
}

/** Lets one loop wait for "something happened"; rings that come while nobody waits count once. */
class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  silence(): void {
    this.#rung = false;
  }

  /** Resolves when it rings, after `ms`, or when the signal aborts. */
  async rung(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#rung || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener("abort", wake, { once: true });
      this.#wake = wake;
    });
  }
}
