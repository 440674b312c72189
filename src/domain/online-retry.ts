/**
 * What becomes of an online request when one of its attempts ends without an answer, once: whether it is tried again,
 * what that costs, and what its caller is told when it is not.
 *
 * At most 3 attempts that cost, by the budget of the task (10% of its requests and 3 a second, over 10 s), all within
 * the deadline; another replica first, on another worker if there is one.
 */
import type { ErrorCode } from "./error-code.ts";

interface AttemptEnding {
  /** What happened, in words. */
  readonly means: string;
  /** May it be tried again, and of which tasks? */
  readonly retried: "never" | "always" | "idempotent tasks";
  /** `budget`: attempts and budget. `nothing`: neither; such repeats end at the deadline, or after 20. */
  readonly costs: "budget" | "nothing";
  /** What the caller is told when it is not, or not any more. */
  readonly else: ErrorCode;
}

export const ATTEMPT_ENDINGS = {
  refused: {
    means: "`InputRefused`: the task refuses the input",
    retried: "never",
    costs: "nothing",
    else: "input_refused",
  },
  error: { means: "any other error", retried: "idempotent tasks", costs: "budget", else: "task_failed" },
  retry_after: {
    means: "`RetryAfter`: the same, but not before the time it names",
    retried: "idempotent tasks",
    costs: "budget",
    else: "task_failed",
  },
  overloaded: {
    means: "`Overloaded`: nothing was done; not while other requests of the task wait for their first turn",
    retried: "always",
    costs: "budget",
    else: "no_capacity",
  },
  not_retryable: {
    means: "`NotRetryable`: it would fail again",
    retried: "never",
    costs: "nothing",
    else: "task_failed",
  },
  invalid_output: {
    means: "the output does not fit the task's schema",
    retried: "never",
    costs: "nothing",
    else: "invalid_output",
  },
  not_started: {
    means: "handed back: the replica is leaving, or it was late",
    retried: "always",
    costs: "nothing",
    else: "deadline_exceeded",
  },
  unsupported: {
    means: "the replica has another version",
    retried: "always",
    costs: "nothing",
    else: "task_failed",
  },
  lost: {
    means: "its replica was lost while it had it; three such losses, and no more",
    retried: "idempotent tasks",
    costs: "nothing",
    else: "outcome_unknown",
  },
  slow: {
    means:
      "it takes longer than the 95th percentile: a hedge beside it, by 5% of the requests; none while all is handed over that may be",
    retried: "idempotent tasks",
    costs: "budget",
    else: "deadline_exceeded",
  },
} as const satisfies Record<string, AttemptEnding>;
