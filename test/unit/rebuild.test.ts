/** From what a job left in the store to its record. */
import { describe, expect, it } from "vitest";
import { rebuiltJob } from "../../src/batch/rebuild.ts";
import type { StoredCheckpoint } from "../../src/batch/record.ts";
import type { AttemptTrace, MarkTrace } from "../../src/checkpoints/checkpoints.ts";

const job = "01hzzzzzzzzzzzzzzzzzzzzzzz";
const at = (second: number): string => new Date(Date.UTC(2026, 0, 2, 3, 4, second)).toISOString();

const attempt = (number: number, more: Partial<AttemptTrace> = {}): AttemptTrace => ({
  job,
  attempt: number,
  round: 0,
  fence: `1.${number}`,
  token: `t${number}`,
  worker: `w${number}`,
  zone: "",
  startedAt: at(number),
  from: null,
  ...more,
});
const mark = (state: MarkTrace["state"], fence: string, more: Partial<MarkTrace> = {}): MarkTrace => ({
  job,
  round: 0,
  fence,
  state,
  reason: `${state}_by_request`,
  error: "",
  at: at(30),
  ...more,
});
const checkpoint: StoredCheckpoint = {
  ...{ seq: 4, at: Date.parse(at(20)), bytes: 100, progress: 40, fence: "1.2", attempt: 2, parent: 3 },
  ...{ state: "committed", manifest: "jobs/x/checkpoints/4", manifestSha256: "0".repeat(64) },
};
const rebuilt = (attempts: readonly AttemptTrace[], marks: readonly MarkTrace[]) =>
  rebuiltJob(job, {
    traces: { submission: { job, record: { task: "count", maxRetries: "2" } }, attempts, marks },
    last: attempts.at(-1)!,
    outcome: null,
    lineage: [checkpoint],
    artifacts: {},
    lastSeq: 4,
  });

describe("the record of a job from its traces", () => {
  it("a cancelled job is cancelled, since then, with its checkpoint for a retry", () => {
    const made = rebuilt([attempt(1), attempt(2)], [mark("cancelled", "1.2")]);
    expect(made).toMatchObject({
      ...{ id: job, task: "count", state: "cancelled", reason: "cancelled_by_request" },
      birth: { from: "queued", event: "cancel" },
      finishedAt: Date.parse(at(30)),
      fields: { attempts: "2", round: "0", fenceCounter: "2", nextSeq: "5", ckSeq: "4", worker: "w2", error: "" },
    });
  });

  it("one that was retried after that is queued: the mark is older than its last attempt", () => {
    const made = rebuilt([attempt(1), attempt(2), attempt(3, { round: 1 })], [mark("cancelled", "1.2")]);
    expect(made).toMatchObject({ state: "queued", reason: "waiting_for_slot", finishedAt: null });
    expect(made.birth).toEqual({ from: "stopped", event: "resume" });
    expect(made.fields).toMatchObject({ round: "1", attempts: "3" });
    expect(made.fields["worker"]).toBeUndefined();
  });

  it("of several marks the newest counts: stopped, resumed, and then cancelled before another attempt began", () => {
    const marks = [mark("stopped", "1.2", { at: at(25) }), mark("cancelled", "1.2")];
    expect(rebuilt([attempt(1), attempt(2)], marks)).toMatchObject({ state: "cancelled" });
    expect(rebuilt([attempt(1), attempt(2)], marks.slice(0, 1))).toMatchObject({ state: "stopped", finishedAt: null });
  });

  it("one that expired, or failed without an outcome, says why", () => {
    const error = '{"code":"deadline_exceeded"}';
    const expired = rebuilt([attempt(1)], [mark("expired", "1.1", { error, reason: "deadline" })]);
    expect(expired).toMatchObject({ state: "expired", birth: { from: "queued", event: "expire" }, fields: { error } });
    const failed = rebuilt([attempt(1)], [mark("failed", "1.1", { reason: "quarantined" })]);
    expect(failed).toMatchObject({ state: "failed", reason: "quarantined", birth: { from: "running", event: "fail" } });
  });
});
