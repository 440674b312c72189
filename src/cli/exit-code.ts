/**
 * What the exit code of `cairn` says. Stable: scripts decide by it.
 *
 * X1 0 to 9 are about the command, 10 and above about the outcome of the job that was waited for.
 */
import type { Job } from "../contract/job.ts";
import { CairnProblem, CairnTimeout, CairnUnreachable } from "../client/fault.ts";
import { CairnSettingsFault } from "../runtime/config.ts";
import { UsageError } from "./usage-error.ts";

export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  timeout: 5,
  away: 6,
  failed: 10,
  cancelled: 11,
  expired: 12,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** For people, in the order of the numbers. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: "done; a job that was waited for succeeded",
  1: "refused or failed: standard error says why (`doctor`: something is not in order)",
  2: "the command line is wrong",
  3: "no such job, task, worker, checkpoint or artifact",
  4: "not possible in the present state, or another request has this Idempotency-Key",
  5: "not in time; a job that was waited for goes on",
  6: "the API, Redis, the store or every worker is away or full, or it is not known whether it happened",
  10: "the job, or the online task, failed",
  11: "the job was cancelled",
  12: "the job expired: its deadline passed",
};

/** The exit code for an error that ends the command. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError || error instanceof CairnSettingsFault) return EXIT.usage;
  if (error instanceof CairnTimeout) return EXIT.timeout;
  if (error instanceof CairnUnreachable) return EXIT.away;
  if (!(error instanceof CairnProblem)) return EXIT.error;
  switch (error.code) {
    case "task_failed":
    case "invalid_output":
      return EXIT.failed;
    case "redis_unavailable":
    case "store_unavailable":
    case "shutting_down":
    case "outcome_unknown":
      return EXIT.away;
    case "idempotency_key_reused":
      return EXIT.conflict;
    default:
      return (
        { 404: EXIT.notFound, 409: EXIT.conflict, 429: EXIT.away, 503: EXIT.away, 504: EXIT.timeout }[error.status] ??
        EXIT.error
      );
  }
}

/** The exit code for the end of a job; of several jobs the worst counts: failed, expired, cancelled. */
export function exitCodeOfJobs(jobs: readonly Pick<Job, "state">[]): ExitCode {
  const states = new Set(jobs.map(({ state }) => state));
  if (states.has("failed")) return EXIT.failed;
  if (states.has("expired")) return EXIT.expired;
  return states.has("cancelled") ? EXIT.cancelled : EXIT.ok;
}
