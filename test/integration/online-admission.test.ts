/** More requests than the replicas can take: who waits, who goes first, who is refused, and what never starts. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { InvocationHandle, InvokeRequest } from "../../src/online/online.ts";
import { eventually } from "../support/eventually.ts";
import { OnlineBed, type TestCoordinator } from "../support/online.ts";
import { startRedis } from "../support/redis.ts";

describe("admission", () => {
  let redis: Awaited<ReturnType<typeof startRedis>>;
  let bed: OnlineBed;
  let api: TestCoordinator;
  let file: string;
  let folder: string;
  beforeAll(async () => {
    redis = await startRedis();
    folder = mkdtempSync(join(tmpdir(), "cairn-admission-"));
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  let serial = 0;
  beforeEach(() => {
    bed = new OnlineBed(redis.url);
    file = join(folder, `notes-${(serial += 1)}`);
  });
  afterEach(() => bed.stop());

  /** One replica, which takes one request of the task `narrow` at a time. */
  const openNarrow = async (): Promise<void> => {
    ({ api } = await bed.start(1));
  };
  const narrow = (ms: number, options: Partial<InvokeRequest> = {}): InvocationHandle =>
    api.coordinator.begin(api.request("narrow", { ms, file }, options));
  const gate = () => api.coordinator.gates().find(({ task }) => task === "narrow");
  const beganIds = (): string[] => {
    try {
      return readFileSync(file, "utf8")
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[1] ?? "");
    } catch {
      return [];
    }
  };

  it("lets the rest wait, and lets in by priority, turns of the callers, and deadline", async () => {
    await openNarrow();
    const first = narrow(300);
    const names = new Map<string, string>();
    const queue = (name: string, options: Partial<InvokeRequest>): InvocationHandle => {
      const handle = narrow(20, options);
      names.set(handle.id, name);
      return handle;
    };
    const handles = [
      queue("greedy 1", { caller: "greedy" }),
      queue("greedy 2", { caller: "greedy" }),
      queue("greedy 3", { caller: "greedy" }),
      queue("greedy, sooner", { caller: "greedy", deadlineMs: 9_000 }),
      queue("shed", { caller: "modest", priority: "sheddable" }),
      queue("modest", { caller: "modest" }),
      queue("critical", { caller: "greedy", priority: "critical" }),
    ];
    expect(gate()).toMatchObject({ limit: 1, underWay: 1, waiting: 7 });
    const outcomes = await Promise.all([first, ...handles].map(({ outcome }) => outcome));
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 8 }, () => "answered"));
    const order = beganIds().slice(1);
    expect(order.map((id) => names.get(id))).toEqual([
      "critical",
      "greedy, sooner",
      "modest",
      "greedy 1",
      "greedy 2",
      "greedy 3",
      "shed",
    ]);
    expect(gate()).toMatchObject({ underWay: 0, waiting: 0 });
  });

  it("refuses at once what would not end in time, and never starts it", async () => {
    await openNarrow();
    await narrow(200).outcome;
    const running = narrow(200);
    const fits = narrow(200, { deadlineMs: 5_000 });
    const late = narrow(200, { deadlineMs: 350 });
    expect(await late.outcome).toMatchObject({ kind: "no_capacity", retryAfterMs: expect.any(Number) as number });
    expect([(await running.outcome).kind, (await fits.outcome).kind]).toEqual(["answered", "answered"]);
    expect(beganIds()).not.toContain(late.id);
  });

  it("tells a caller with more than its share so, and goes on taking from the others", async () => {
    await openNarrow();
    await narrow(100).outcome;
    const begin = (caller: string): InvocationHandle => narrow(100, { caller, deadlineMs: 5_000 });
    const greedy = Array.from({ length: 30 }, () => begin("greedy"));
    const modest = begin("modest");
    const more = begin("greedy");
    expect(await more.outcome).toMatchObject({ kind: "over_share" });
    expect((await modest.outcome).kind).toBe("answered");
    const kinds = await Promise.all(greedy.map(async ({ outcome }) => (await outcome).kind));
    expect(kinds).toContain("answered");
    expect(new Set(kinds)).toEqual(new Set(["answered", "no_capacity"]));
  });

  it("forgets at once who has left while waiting", async () => {
    await openNarrow();
    const running = narrow(300);
    const waiting = narrow(10);
    const leaving = narrow(10);
    const before = gate()?.waiting ?? 0;
    leaving.abort();
    expect(gate()?.waiting).toBe(before - 1);
    expect((await leaving.outcome).kind).toBe("aborted");
    await Promise.all([running.outcome, waiting.outcome]);
    expect(beganIds()).not.toContain(leaving.id);
  });

  it("does not let anybody wait for a Redis that is away", async () => {
    await openNarrow();
    const running = narrow(60_000, { deadlineMs: 60_000 });
    const waiting = narrow(10, { deadlineMs: 60_000 });
    expect(gate()?.waiting).toBeGreaterThan(0);
    await redis.stop();
    expect((await waiting.outcome).kind).toBe("unavailable");
    running.abort();
    redis = await startRedis(); // For the tests that follow.
  });

  it("tries what a replica pushes back on another one, also what must not run twice", async () => {
    ({ api } = await bed.start(3));
    const outcome = await api.invoke("crowded", { file, times: 1 });
    expect(outcome).toMatchObject({ kind: "answered", timing: { attempts: 2 } });
    const nowhere = await api.invoke("crowded", { file, times: 1_000, afterMs: 50 });
    expect(nowhere).toMatchObject({ kind: "no_capacity", detail: "the task pushes back: no room" });
    await eventually("nothing is under way", () => api.coordinator.stats().underWay === 0);
    const before = beganIds().length;
    const storm = await Promise.all(Array.from({ length: 100 }, () => api.invoke("crowded", { file, times: 1_000 })));
    expect(new Set(storm.map(({ kind }) => kind))).toEqual(new Set(["no_capacity"]));
    expect(beganIds().length - before).toBeLessThanOrEqual(100 + 10 + 30);
  });
});
