import { describe, expect, it } from "vitest";
import type { JobEventView } from "../../src/contract/job.ts";
import type { Json } from "../../src/contract/json.ts";
import type { JobState } from "../../src/domain/job-state.ts";
import { ordersOf } from "../../src/cli/job-orders.ts";

type Told = readonly [type: string, state: JobState, data?: Readonly<Record<string, Json>>];

/** Events a second apart. */
function events(list: readonly Told[]): JobEventView[] {
  return list.map(([type, state, data = {}], at) => ({
    id: String(at + 1),
    job: "j1",
    at: new Date(Date.parse("2026-01-02T03:04:05Z") + at * 1_000).toISOString(),
    type,
    state,
    reason: null,
    data,
  }));
}

const told = (...list: Told[]): (string | null)[][] =>
  ordersOf(events(list)).map(({ by, order, effect }) => [by, order, effect]);

const born: Told = ["submitted", "queued", { by: "ann (10.0.0.7)" }];
const leased = (worker: string, fromCheckpoint: number | null = null): Told => [
  "leased",
  "running",
  { worker, attempt: 1, fromCheckpoint },
];
const checkpoint = (seq: number): Told => ["checkpoint", "running", { seq, bytes: 1 }];
const submitted = ["ann (10.0.0.7)", "submit", "running on w1 after 1s"];

describe("what people asked of a job", () => {
  it("is told with who asked, and with what came of it: a checkpoint, a stop, a resume, a migration", () => {
    expect(
      told(
        born,
        leased("w1"),
        ["checkpoint_requested", "running", { by: "bob" }],
        checkpoint(1),
        ["stopping", "stopping", { by: "bob", intent: "stop" }],
        checkpoint(2),
        ["stopped", "stopped"],
        ["resumed", "queued", { by: "carl" }],
        leased("w2", 2),
        ["stopping", "stopping", { by: "carl", intent: "yield" }],
        ["requeued", "queued", { why: "migrating" }],
        leased("w3", 3),
      ),
    ).toEqual([
      submitted,
      ["bob", "checkpoint", "checkpoint 1 made after 1s"],
      ["bob", "stop", "stopped at checkpoint 2 after 2s"],
      ["carl", "resume", "running on w2 from checkpoint 2 after 1s"],
      ["carl", "migrate", "running on w3 from checkpoint 3 after 2s"],
    ]);
  });

  it("JO1: an end that came first is what became of it; an order that a stronger one overtakes says so", () => {
    expect(
      told(
        born,
        leased("w1"),
        ["checkpoint_requested", "running", { by: "bob" }],
        ["stopping", "stopping", { by: "bob", intent: "stop" }],
        ["stopping", "stopping", { by: "ann", intent: "cancel" }],
        ["succeeded", "succeeded"],
      ),
    ).toEqual([
      submitted,
      ["bob", "checkpoint", "none: the attempt ended first (succeeded) after 3s"],
      ["bob", "stop", "overtaken by a cancel after 1s"],
      ["ann", "cancel", "succeeded first after 1s"],
    ]);
  });

  it("that is done at once is told so: a change, a fork, a cancel of what waits, a retry from a checkpoint", () => {
    expect(
      told(
        born,
        ["changed", "queued", { by: "bob", priority: 5, labels: { team: "ocean" } }],
        ["forked", "queued", { by: "bob", fork: "j2", from: "" }],
        ["stopped", "stopped", { by: "bob" }],
        ["cancelled", "cancelled", { by: "bob" }],
        ["retried", "queued", { by: "bob", from: "3" }],
        ["retried", "queued", { by: "bob", from: "start" }],
      ),
    ).toEqual([
      ["ann (10.0.0.7)", "submit", "stopped before it ran after 3s"],
      ["bob", 'change to priority 5, labels {"team":"ocean"}', "changed at once"],
      ["bob", "fork", "made j2"],
      ["bob", "stop", "stopped at once"],
      ["bob", "cancel", "cancelled at once"],
      ["bob", "retry from checkpoint 3", null],
      ["bob", "retry from the start", null],
    ]);
  });

  it("is no order when the fleet did it by itself", () => {
    expect(told(["submitted", "queued"], leased("w1"), ["requeued", "queued"], ["cancelled", "cancelled"])).toEqual([]);
  });
});
