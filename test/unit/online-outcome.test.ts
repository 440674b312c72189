/** What each outcome of an online request means for its record. */
import { describe, expect, it } from "vitest";
import { endingOf, type EndingContext } from "../../api/online-outcome.ts";
import type { AttemptTrace, InvokeOutcome } from "../../src/online/online.ts";

const context: EndingContext = { task: "pay", startedAtMs: 1_000, fence: "1.2", turn: 1, whenNotStarted: "put_back" };

function attempt(change: Partial<AttemptTrace> = {}): AttemptTrace {
  return {
    number: 1,
    why: "first",
    replica: "r1",
    worker: "w1",
    outcome: "ok",
    queueMs: 2,
    runMs: 8,
    sentMs: 0,
    endedMs: 10,
    ...change,
  };
}

const lost = attempt({ outcome: "lost", queueMs: null, runMs: null });
const tookOver = attempt({ number: 2, why: "repeat", worker: "w2", replica: "r2", sentMs: 10, endedMs: 25 });
const timing = { queueMs: 17, runMs: 8, attempts: 2 };

describe("the end of a record", () => {
  it("an answer succeeds, on the worker that gave it, with every attempt that was made", () => {
    const ending = endingOf({ kind: "answered", output: "7", timing, trace: [lost, tookOver] }, context);
    expect(ending).toMatchObject({ kind: "succeeded", payload: "7", worker: "w2", ran: true });
    expect(ending.attempts).toMatchObject([
      { number: 1, outcome: "lost", reason: "lost", startedAt: 1_000, endedAt: 1_010, fence: "1.2" },
      { number: 2, outcome: "succeeded", reason: null, why: "repeat", startedAt: 1_010, endedAt: 1_025 },
    ]);
  });

  it.each<[string, InvokeOutcome, object]>([
    [
      "an error that the task repeats exhausts it",
      { kind: "failed", fault: "task", message: "no", attempts: [attempt({ outcome: "error" })] },
      { kind: "failed", reason: "retries_exhausted" },
    ],
    [
      "an error for good is the task's failure",
      { kind: "failed", fault: "task", message: "no", attempts: [attempt({ outcome: "not_retryable" })] },
      { kind: "failed", reason: "task_failed" },
    ],
    ["a refusal is one", { kind: "refused", message: "no", attempts: [] }, { kind: "failed", reason: "input_refused" }],
    ["what nobody knows fails so", { kind: "outcome_unknown", attempts: [lost] }, { reason: "outcome_unknown" }],
    ["a deadline that a replica saw", { kind: "deadline", attempts: [lost] }, { kind: "expired", ran: true }],
    [
      "a deadline in the queue: it did not run",
      { kind: "deadline", attempts: [attempt({ replica: null, runMs: null })] },
      { kind: "expired", ran: false },
    ],
    ["a call back: it waits again", { kind: "aborted" }, { kind: "put_back", ran: true }],
    ["no worker: it waits again", { kind: "no_worker" }, { kind: "put_back", ran: false, pauseMs: 500 }],
  ])("%s", (_name, outcome, expected) => {
    expect(endingOf(outcome, context)).toMatchObject(expected);
  });

  it("what could not begin is forgotten when its caller is told so", () => {
    const told = { ...context, whenNotStarted: "forget" } as const;
    expect(endingOf({ kind: "no_worker" }, told).kind).toBe("forget");
    expect(endingOf({ kind: "unavailable", detail: "" }, told).kind).toBe("forget");
  });

  it("a job that nobody takes is tried again more and more seldom", () => {
    const pauses = [1, 2, 3, 4, 5, 20].map((turn) => endingOf({ kind: "no_worker" }, { ...context, turn }).pauseMs);
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it("an error is kept as the problem that its caller would be told", () => {
    const { payload } = endingOf({ kind: "outcome_unknown", attempts: [lost] }, context);
    expect(JSON.parse(payload ?? "")).toMatchObject({
      code: "outcome_unknown",
      status: 502,
      attempts: [{ number: 1 }],
    });
  });
});
