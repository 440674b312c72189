/** How many records of failures are kept; that they are written is tested with the API. */
import { describe, expect, it } from "vitest";
import { FailureRecords } from "../../api/failure-records.ts";
import type { NewOnlineJob, OnlineEnding } from "../../src/batch/batch.ts";
import type { AttemptTrace, InvokeOutcome } from "../../src/online/online.ts";
import { createLogger } from "../../src/runtime/logger.ts";

function setup() {
  let now = 0;
  let dropped = 0;
  const written: { job: NewOnlineJob; ending: OnlineEnding }[] = [];
  const records = new FailureRecords({
    desk: {
      recordFailure: (job, ending) => {
        written.push({ job, ending });
        return Promise.resolve();
      },
    },
    clock: { nowMs: () => now, monotonicMs: () => now, sleep: () => new Promise(() => undefined) },
    logger: createLogger({ level: "silent", process: "test" }),
    redisNowMs: () => 1_000_000 + now,
    onDropped: () => {
      dropped += 1;
    },
  });
  const job = (task: string) => ({
    ...{ id: "01m8b9w2xry11aggbrc10w3qv2", task, definition: "d", idempotent: true, input: "1", deadlineMs: 1_000 },
    ...{ runAtMs: null, labels: {}, traceparent: null, idempotency: null, by: "test" },
  });
  return {
    written,
    dropped: () => dropped,
    pass: (ms: number) => {
      now += ms;
    },
    keep: (task: string, outcome: InvokeOutcome, ageMs = 0) => records.keep(job(task), outcome, ageMs),
  };
}

const FAILED: InvokeOutcome = { kind: "failed", fault: "task", message: "no", attempts: [] };
const TRIED: AttemptTrace = {
  number: 1,
  why: "first",
  replica: "r",
  worker: "w",
  outcome: "open",
  queueMs: null,
  runMs: null,
  sentMs: 5,
  endedMs: null,
};

describe("records of failed requests", () => {
  it("a task that fails all the time gets so many and no more, and does not use up those of others", async () => {
    const { keep, dropped, pass, written } = setup();
    for (let n = 0; n < 300; n += 1) await keep("bad", FAILED);
    expect([written.length, dropped()]).toEqual([20, 280]);
    expect(await keep("other", FAILED)).toBe(true);
    pass(1_000);
    for (let n = 0; n < 300; n += 1) await keep("bad", FAILED);
    expect(written).toHaveLength(26);
  });

  it("many tasks that fail share what there is for all", async () => {
    const { keep, written } = setup();
    for (let n = 0; n < 300; n += 1) await keep(`bad-${n}`, FAILED);
    expect(written).toHaveLength(100);
  });

  it("what began is told by Redis's clock, and an attempt that was still open did not end", async () => {
    const { keep, written } = setup();
    expect(await keep("slow", { kind: "deadline", attempts: [TRIED] }, 300)).toBe(true);
    expect(written[0]).toMatchObject({
      job: { createdAtMs: 999_700 },
      ending: { kind: "expired", ran: true, attempts: [{ startedAt: 999_705, outcome: "interrupted" }] },
    });
  });

  it("refusals, and what never began, get none", async () => {
    const { keep, written } = setup();
    const none: InvokeOutcome[] = [
      { kind: "refused", message: "no", attempts: [] },
      { kind: "no_worker" },
      { kind: "deadline", attempts: [] },
      { kind: "aborted" },
    ];
    for (const outcome of none) expect(await keep("echo", outcome)).toBe(false);
    expect(written).toEqual([]);
  });
});
