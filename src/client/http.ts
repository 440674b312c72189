/**
 * One HTTP call and its repeats: the only place of the client that calls `fetch`.
 *
 * H1 Every call ends: with an answer, a problem, or when the caller's time is over. Streams end when they are silent
 *    for longer than the server's heartbeat allows.
 * H2 What the server said is what the caller gets: a problem document becomes a `CairnProblem`, unchanged.
 * H3 `Request-Timeout-Ms` is what remains, written anew for every try: the server must not work for nobody.
 */
import type { Problem } from "../contract/problem.ts";
import { CairnProblem, CairnTimeout, CairnUnreachable } from "./fault.ts";
import { parseRetryAfter, pauseBeforeRetry, type Repeatability } from "./retry.ts";

export type Fetch = typeof globalThis.fetch;

export interface HttpOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly fetch: Fetch;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxTries: number;
  readonly random: () => number;
}

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the address, beginning with a slash. */
  readonly path: string;
  readonly query?: [string, string][];
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly repeatability: Repeatability;
  /** Longest time for all tries together, ms; the client's own if absent. */
  readonly timeoutMs?: number;
  /** Tell the server how long the answer is waited for (H3). */
  readonly tellDeadline?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Time beyond the deadline that the server knows, ms, so that its own word (504, with the attempts) still arrives. */
const ANSWER_MARGIN_MS = 500;

export class Http {
  readonly url: string;
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.url = options.url;
    this.#options = options;
  }

  /**
   * Calls, and reads the answer as JSON.
   * @throws CairnProblem, CairnUnreachable, CairnTimeout, or the reason of the caller's signal
   */
  async json(call: Call): Promise<{ readonly body: unknown; readonly response: Response }> {
    return await this.#repeat(call, async (response) => {
      const text = await response.text();
      try {
        return { body: JSON.parse(text) as unknown, response };
      } catch (error) {
        throw new CairnUnreachable(this.url, `it answered ${response.status} with something that is not JSON`, {
          cause: error,
          status: response.status,
        });
      }
    });
  }

  /** Calls, and takes no body. */
  async empty(call: Call): Promise<void> {
    await this.#repeat(call, async (response) => {
      await response.body?.cancel();
    });
  }

  /** Calls, and reads the answer as bytes. */
  async bytes(call: Call): Promise<Uint8Array> {
    return await this.#repeat(call, async (response) => new Uint8Array(await response.arrayBuffer()));
  }

  /**
   * Opens a stream, once: its reader knows from where to go on. The time limit holds until the answer begins.
   * @returns null when the server says that there is nothing more (204)
   */
  async stream(call: Call): Promise<ReadableStream<Uint8Array> | null> {
    const { timeoutMs = this.#options.timeoutMs } = call;
    const begun = new AbortController();
    const timer = setTimeout(() => begun.abort(), timeoutMs);
    const signal = call.signal === undefined ? begun.signal : AbortSignal.any([begun.signal, call.signal]);
    try {
      const response = await this.#send(call, call.headers ?? {}, signal);
      return response.status === 204 ? null : response.body;
    } catch (error) {
      throw this.#explain(error, call, { timedOut: begun.signal.aborted, timeoutMs });
    } finally {
      clearTimeout(timer);
    }
  }

  async #repeat<T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const { timeoutMs = this.#options.timeoutMs, method, repeatability } = call;
    const { maxTries, random } = this.#options;
    const deadline = performance.now() + timeoutMs;
    for (let tries = 1; ; tries++) {
      const remainingMs = deadline - performance.now();
      try {
        return await this.#try(call, Math.max(1, remainingMs), timeoutMs, read);
      } catch (error) {
        const miss = missOf(error);
        if (miss === null) throw error;
        const pause = pauseBeforeRetry({
          miss,
          method,
          repeatability,
          tries,
          maxTries,
          remainingMs: deadline - performance.now(),
          random: random(),
        });
        if (pause === null) throw error;
        await sleep(pause, call.signal);
      }
    }
  }

  async #try<T>(
    call: Call,
    remainingMs: number,
    timeoutMs: number,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const tell = call.tellDeadline === true;
    const timer = AbortSignal.timeout(Math.ceil(remainingMs) + (tell ? ANSWER_MARGIN_MS : 0));
    const signal = call.signal === undefined ? timer : AbortSignal.any([timer, call.signal]);
    const headers = {
      ...call.headers,
      ...(tell ? { "request-timeout-ms": String(Math.max(1, Math.floor(remainingMs))) } : {}), // H3
    };
    try {
      return await read(await this.#send(call, headers, signal));
    } catch (error) {
      throw this.#explain(error, call, { timedOut: timer.aborted, timeoutMs });
    }
  }

  /** What a failed try means for the caller. */
  #explain(error: unknown, call: Call, end: { readonly timedOut: boolean; readonly timeoutMs: number }): unknown {
    if (error instanceof CairnProblem || error instanceof CairnUnreachable) return error;
    if (call.signal?.aborted === true) return error;
    if (end.timedOut) return new CairnTimeout(end.timeoutMs, `${this.url} did not answer`);
    return new CairnUnreachable(this.url, reasonOf(error), { cause: error });
  }

  async #send(call: Call, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    const query = new URLSearchParams(call.query).toString();
    const response = await this.#options.fetch(`${this.url}${call.path}${query === "" ? "" : `?${query}`}`, {
      method: call.method,
      headers: {
        accept: "application/json",
        ...this.#options.headers,
        ...headers,
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal,
      redirect: "error",
    });
    if (response.ok) return response;
    throw await this.#refusal(response); // H2
  }

  async #refusal(response: Response): Promise<CairnProblem | CairnUnreachable> {
    const text = await response.text();
    const problem = readProblem(text, response);
    if (problem !== null)
      return new CairnProblem(problem, parseRetryAfter(response.headers.get("retry-after"), Date.now()));
    return new CairnUnreachable(this.url, `it answered ${response.status}, but not as Cairn does`, {
      status: response.status,
    });
  }
}

function readProblem(text: string, response: Response): Problem | null {
  if (response.headers.get("content-type")?.startsWith("application/problem+json") !== true) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "code" in value ? (value as Problem) : null;
  } catch {
    return null;
  }
}

function missOf(error: unknown): Parameters<typeof pauseBeforeRetry>[0]["miss"] | null {
  if (error instanceof CairnProblem) {
    return { kind: "status", status: error.status, retryAfterMs: error.retryAfterMs };
  }
  if (!(error instanceof CairnUnreachable)) return null;
  return error.status === null ? { kind: "unreachable" } : { kind: "status", status: error.status, retryAfterMs: null };
}

/** `fetch failed` says nothing; the reason is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message;
  return cause instanceof Error ? cause.message || cause.name : error.message;
}

/** Waits, or rejects with the signal's reason. */
export async function sleep(ms: number, given?: AbortSignal): Promise<void> {
  given?.throwIfAborted();
  // One of its own: a caller may hand one signal to any number of calls, and Node.js warns of many listeners on it.
  const signal = given === undefined ? undefined : AbortSignal.any([given]);
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason instanceof Error ? signal.reason : new Error("aborted", { cause: signal?.reason }));
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
