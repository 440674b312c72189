/**
 * What a call may throw. Told apart by class (or by `name`, across two copies of the package):
 *
 * `CairnProblem`: the API answered, and the answer was no. `problem.code` says why, `problem.hint` what to do.
 * `CairnUnreachable`: nobody answered, or not with what Cairn answers; the server may or may not have acted.
 * `CairnTimeout`: the time that the caller granted has passed; the server may or may not have acted.
 */
import type { Job } from "../contract/job.ts";
import type { Problem } from "../contract/problem.ts";

/** The API refused, with its reason. */
export class CairnProblem extends Error {
  override readonly name = "CairnProblem";
  readonly problem: Problem;
  /** How long the server asks to wait before asking again, ms; null if it did not say. */
  readonly retryAfterMs: number | null;

  constructor(problem: Problem, retryAfterMs: number | null = null) {
    super(`${problem.title}: ${problem.detail}`);
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }

  get code(): Problem["code"] {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** Nobody answered at `url`, or somebody else did. */
export class CairnUnreachable extends Error {
  override readonly name = "CairnUnreachable";
  readonly url: string;
  /** HTTP status of an answer that did not come from Cairn; null when there was none. */
  readonly status: number | null;

  constructor(url: string, detail: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(
      options.status === undefined ? `${url} does not answer: ${detail}` : `${url} is not Cairn: ${detail}`,
      options,
    );
    this.url = url;
    this.status = options.status ?? null;
  }
}

/** May the same call succeed a little later? A job that is unknown stays unknown; a server that goes away comes back. */
export function mayPass(error: unknown): boolean {
  if (error instanceof CairnProblem) return error.status === 429 || error.status >= 500;
  // `fetch` reports a stream that breaks half-way as a TypeError.
  return error instanceof CairnUnreachable || error instanceof CairnTimeout || error instanceof TypeError;
}

/** The caller's time is over. */
export class CairnTimeout extends Error {
  override readonly name = "CairnTimeout";
  readonly timeoutMs: number;
  /** The job that was waited for, as it was last seen; null for a call without one. It goes on without its waiter. */
  readonly job: Job | null;

  constructor(timeoutMs: number, what: string, job: Job | null = null) {
    super(`${what} within ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
    this.job = job;
  }
}
