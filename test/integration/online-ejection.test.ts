/** Replicas that live and do worse than their peers: parked, let back when they have proven themselves. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodeControl } from "../../src/online/wire.ts";
import { eventually } from "../support/eventually.ts";
import { OnlineBed, type TestCoordinator } from "../support/online.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const TASK = "uneven";

describe("ejection", () => {
  let redis: TestRedis;
  let bed: OnlineBed;
  let folder: string;
  let file: string;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(() => {
    bed = new OnlineBed(redis.url);
    folder = mkdtempSync(join(tmpdir(), "cairn-ejection-"));
    file = join(folder, "who");
    writeFileSync(file, "0 1");
  });
  afterEach(async () => {
    await bed.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /**
   * A steady stream of requests until `stop`; what was not answered, but for what was refused at once because Redis or
   * all replicas had too much to do: on a busy machine that is no matter of one replica.
   */
  const load = (api: TestCoordinator, perSecond: number) => {
    const requests: Promise<string | null>[] = [];
    const timer = setInterval(() => {
      const request = api.invoke(TASK, { ms: 20, file });
      const well = (kind: string): boolean => ["answered", "unavailable", "no_capacity"].includes(kind);
      requests.push(request.then((outcome) => (well(outcome.kind) ? null : JSON.stringify(outcome))));
    }, 1_000 / perSecond);
    return async (): Promise<(string | null)[]> => {
      clearInterval(timer);
      return (await Promise.all(requests)).filter((failure) => failure !== null);
    };
  };
  const parkedOf = (api: TestCoordinator): string[] =>
    api.coordinator
      .replicasOf(TASK)
      .live.filter(({ beat }) => beat.tasks[TASK]?.parked === true)
      .map(({ id }) => id);

  it("parks the slow one of three, tells every API process, and lets it back", async () => {
    const { api, replicas } = await bed.start(3);
    const bystander = await bed.coordinator("bystander");
    await bystander.sees(3, TASK);
    const stop = load(api, 100);
    const slow = replicas[1]!;
    writeFileSync(file, `${slow.pid} 20`);
    await eventually("it is parked", () => parkedOf(bystander).includes(slow.id));
    await bystander.sees(2, TASK);
    expect(api.coordinator.health.byTask.get(TASK)?.ejections.slow).toBeGreaterThan(0);
    writeFileSync(file, "0 1");
    // After 10 s; on a busy machine its canaries may be late, and it has to wait for 20 more.
    await eventually("it is back", () => !parkedOf(bystander).includes(slow.id), { withinMs: 90_000 });
    expect(await stop()).toEqual([]);
    const health = api.coordinator.health.byTask.get(TASK);
    expect(health?.returns.proven).toBeGreaterThan(0);
    expect(health?.probes).toBeGreaterThan(0);
  });

  it("parks the one of three that fails, before it has drawn all requests", async () => {
    const { api, replicas } = await bed.start(3);
    const stop = load(api, 100);
    await eventually("its peers have done some work", () => api.coordinator.stats().outcomes.answered > 30);
    const failing = replicas[2]!;
    writeFileSync(file, `${failing.pid} fails`);
    await eventually("it is parked", () => parkedOf(api).includes(failing.id));
    expect(api.coordinator.health.byTask.get(TASK)?.ejections.failing).toBeGreaterThan(0);
    expect(await stop()).toEqual([]);
  });

  it("answers elsewhere what waits at a replica whose event loop stands still", async () => {
    const { api } = await bed.start(3);
    await Promise.all(Array.from({ length: 60 }, () => api.invoke(TASK, { ms: 5, file })));
    const began = performance.now();
    const blocked = api.invoke("blocking", { ms: 3_000, file: join(folder, "notes"), onlyAttempt: 1 });
    const stop = load(api, 100);
    const outcome = await blocked;
    expect(outcome).toMatchObject({ kind: "answered", output: JSON.stringify({ attempt: 2 }) });
    expect(performance.now() - began).toBeLessThan(3_000); // Not a measurement: it did not wait for the block.
    expect(await stop()).toEqual([]);
  });

  it("is free again by itself when whoever had it parked is gone", async () => {
    const { api, replicas } = await bed.start(2);
    const admin = new Redis(redis.url);
    const order = encodeControl({ verb: "park", task: TASK, forMs: 1_500, api: "dead" });
    await admin.rpush(bed.keys.control(replicas[0]!.id), order);
    admin.disconnect();
    await eventually("it is parked", () => parkedOf(api).includes(replicas[0]!.id));
    await eventually("it is back", () => parkedOf(api).length === 0);
    await api.sees(2, TASK);
  });
});
