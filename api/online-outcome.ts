/** What became of an online request: as a problem for its caller, and as the end of its record. */
import type { OnlineAttempt, OnlineEnding } from "../src/batch/batch.ts";
import { problem, type Problem } from "../src/contract/problem.ts";
import type { JobReason } from "../src/domain/job-reason.ts";
import { backoffMs, type BackoffRule } from "../src/domain/retry.ts";
import type { AttemptTrace, InvokeOutcome } from "../src/online/online.ts";

/** How an attempt ended, in the words of records. Those that are not here failed. */
const ATTEMPT_OUTCOMES: Readonly<Record<string, OnlineAttempt["outcome"]>> = {
  ok: "succeeded",
  open: "interrupted", // it was under way beside the one that decided
  lost: "lost",
  not_started: "interrupted",
  unsupported: "interrupted",
  "taken back": "interrupted",
  abandoned: "interrupted",
  not_sent: "interrupted",
  unconfirmed: "interrupted",
};

/** What a job waits before it is tried again when nobody could take it: longer each time, ms. */
const NOBODY: BackoffRule = { initialMs: 500, factor: 2, maxMs: 5_000, jitter: 0 };

/** The attempts of an outcome; empty when none was made or none is known. */
export function attemptsOf(outcome: InvokeOutcome): readonly AttemptTrace[] {
  if (outcome.kind === "answered") return outcome.trace;
  return "attempts" in outcome ? outcome.attempts : [];
}

/** May the task have begun? */
export function mayHaveRun(outcome: InvokeOutcome): boolean {
  switch (outcome.kind) {
    case "answered":
    case "refused":
    case "failed":
    case "outcome_unknown":
    case "aborted":
      return true;
    case "deadline":
      return outcome.attempts.some(({ runMs, replica }) => runMs !== null || replica !== null);
    default:
      return false;
  }
}

/** What its caller is told; null for an answer, and when nobody is left to be told. */
export function problemOf(task: string, outcome: InvokeOutcome): Problem | null {
  switch (outcome.kind) {
    case "answered":
    case "aborted":
      return null;
    case "refused":
      return problem("input_refused", outcome.message);
    case "failed": {
      const code = outcome.fault === "task" ? "task_failed" : "invalid_output";
      return problem(code, outcome.message, { attempts: [...outcome.attempts] });
    }
    case "outcome_unknown": {
      const detail = `${task} may have run, and is not one that may run twice`;
      return problem("outcome_unknown", detail, { status: 502, attempts: [...outcome.attempts] });
    }
    case "no_worker":
      return problem("no_worker", `no live worker has ${task}`);
    case "no_capacity":
      return problem("no_capacity", `${task} was not started: ${outcome.detail}`);
    case "over_share":
      return problem("over_share", `more than ${outcome.share} requests to ${task} at a time while others want some`);
    case "deadline":
      return problem("deadline_exceeded", `${task} did not answer in time`, { attempts: [...outcome.attempts] });
    case "unavailable":
      return problem("redis_unavailable", outcome.detail);
  }
}

/** What is known of the job besides the outcome. */
export interface EndingContext {
  readonly task: string;
  /** Redis's clock, when this process began with it. */
  readonly startedAtMs: number;
  readonly fence: string;
  /** How often it was ready to be run. */
  readonly turn: number;
  /** What becomes of a job that could not be started: its caller is told, or it waits on. */
  readonly whenNotStarted: "forget" | "put_back";
}

/** The end of the record. */
export function endingOf(outcome: InvokeOutcome, context: EndingContext): OnlineEnding {
  const traces = attemptsOf(outcome);
  const attempts = traces.map((trace) => attemptOf(trace, context));
  const ran = mayHaveRun(outcome);
  const found = problemOf(context.task, outcome);
  const error = found === null ? "" : JSON.stringify(found);
  const worker = traces.findLast((trace) => trace.worker !== null)?.worker ?? null;
  switch (outcome.kind) {
    case "answered": {
      const winner = traces.findLast((trace) => trace.outcome === "ok")?.worker ?? worker;
      return { kind: "succeeded", payload: outcome.output, ran, worker: winner, attempts };
    }
    case "deadline":
      return { kind: "expired", payload: error, ran, worker, attempts };
    case "refused":
    case "failed":
    case "outcome_unknown":
      return { kind: "failed", payload: error, reason: reasonOf(outcome), ran, worker, attempts };
    case "aborted":
      return { kind: "put_back", reason: "waiting_for_slot", ran, attempts };
    case "no_worker":
    case "no_capacity":
    case "over_share":
    case "unavailable": {
      if (context.whenNotStarted === "forget") return { kind: "forget", ran, attempts };
      const reason = outcome.kind === "no_worker" ? "no_worker_has_task" : "waiting_for_slot";
      const pauseMs = "retryAfterMs" in outcome ? outcome.retryAfterMs : backoffMs(NOBODY, context.turn, 0);
      return { kind: "put_back", reason, pauseMs, ran, attempts };
    }
  }
}

function reasonOf(outcome: Extract<InvokeOutcome, { kind: "refused" | "failed" | "outcome_unknown" }>): JobReason {
  if (outcome.kind === "refused") return "input_refused";
  if (outcome.kind === "outcome_unknown") return "outcome_unknown";
  const last = outcome.attempts.at(-1)?.outcome;
  return last === "not_retryable" || last === "invalid_output" ? "task_failed" : "retries_exhausted";
}

function attemptOf(trace: AttemptTrace, { startedAtMs, fence }: EndingContext): OnlineAttempt {
  const { number, why, worker, replica, outcome, queueMs, runMs, sentMs, endedMs } = trace;
  return {
    number,
    fence,
    worker,
    zone: null,
    startedAt: Math.round(startedAtMs + sentMs),
    endedAt: endedMs === null ? null : Math.round(startedAtMs + endedMs),
    fromCheckpoint: null,
    lastCheckpoint: null,
    outcome: ATTEMPT_OUTCOMES[outcome] ?? "failed",
    reason: outcome === "ok" ? null : outcome === "open" ? "abandoned" : outcome,
    why,
    replica,
    queueMs,
    runMs,
  };
}
