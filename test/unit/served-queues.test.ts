/** Who else could take what waits: a worker that leaves its work to others has to know that they would take it. */
import { expect, it } from "vitest";
import type { Beat } from "../../src/fleet/beat.ts";
import type { WatchedWorker } from "../../src/fleet/fleet-watch.ts";
import { canTakeElsewhere, queuesOfWorker } from "../../src/fleet/served-queues.ts";
import { describeTask } from "../../src/tasks/task-info.ts";
import { count } from "../../workers/tasks/count.ts";

const task = describeTask(count);

function worker(id: string, change: Partial<Beat> = {}): WatchedWorker {
  const beat: Beat = {
    ...{ format: 1, boot: "b", counter: 1, state: "ready", reason: null, replaced: {}, store: "answers" },
    ...{ load: 0, loopLagMs: 0, pids: { agent: 1, replicas: [], keepers: [], runners: [] } },
    slots: { online: { total: 0, used: 0 }, batch: { total: 2, used: 1 } },
    ...change,
  };
  const registration = {
    ...{ format: 1 as const, boot: "b", host: "h", version: "0.1.0", zone: null, region: null, labels: {} },
    ...{ pools: ["default"], tasks: [`${task.name}@${task.definition}`], startedAt: "2026-01-02T03:00:00.000Z" },
  };
  return { id, beat, raw: "", registration, silentMs: 0 };
}

const canOthers = (...workers: WatchedWorker[]): boolean => {
  const watch = { tasks: [task], workers: () => workers };
  const [queue = ""] = queuesOfWorker(watch, worker("w1"));
  return canTakeElsewhere(watch, queue, "w1");
};

it("another with a free slot can, the worker itself does not count", () => {
  expect(canOthers(worker("w1"), worker("w2"))).toBe(true);
  expect(canOthers(worker("w1"))).toBe(false);
  expect(canOthers(worker("w2", { slots: { online: { total: 0, used: 0 }, batch: { total: 2, used: 2 } } }))).toBe(
    false,
  );
});

it("where the store is away for all, none waits for the others", () => {
  expect(canOthers(worker("w2", { store: "away" }), worker("w3"))).toBe(true);
  expect(canOthers(worker("w2", { store: "away" }), worker("w3", { store: "away" }))).toBe(false);
});
