/** The online path between a coordinator and real replica processes, on one Redis and on a Cluster. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { InvokeOutcome } from "../../src/online/online.ts";
import { eventually } from "../support/eventually.ts";
import { closeRedis, connectRedis, whenReady } from "../../src/redis/connection.ts";
import { kinds, notes } from "../support/online-notes.ts";
import { NEWER_TASKS, OnlineBed, definitionsOf, type TestCoordinator } from "../support/online.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startRedis } from "../support/redis.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cairn-online-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const began = (file: string): string[] => notes(file, "began");
const outputOf = (outcome: InvokeOutcome): unknown => {
  if (outcome.kind !== "answered") throw new Error(`expected an answer, got ${JSON.stringify(outcome)}`);
  return JSON.parse(outcome.output);
};

const servers = [
  { name: "one Redis", start: () => startRedis() },
  { name: "a Cluster of three primaries", start: () => startRedisCluster() },
];

describe.each(servers)("online path on $name", ({ start }) => {
  let redis: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    redis = await start();
  });
  afterAll(() => redis.stop());

  describe("with three replicas that live", () => {
    let bed: OnlineBed;
    beforeAll(async () => {
      bed = new OnlineBed(redis.url);
      await Promise.all([bed.replica(), bed.replica(), bed.replica()]);
    });
    afterAll(() => bed.stop());

    /** Each test has a coordinator of its own: its budgets and counts are not those of others. */
    const open = async (): Promise<TestCoordinator> => {
      const api = await bed.coordinator();
      await api.sees(3);
      return api;
    };

    it("answers 200 requests at once, each with its own input", async () => {
      const api = await open();
      const inputs = Array.from({ length: 200 }, (_, n) => ({ n, text: "ü\n\u0000 x" }));
      const outcomes = await Promise.all(inputs.map((input) => api.invoke("echo", input)));
      expect(outcomes.map(outputOf)).toEqual(inputs);
    });

    it("spreads waiting work over the replicas", async () => {
      const api = await open();
      const file = join(folder, "notes");
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, () => api.invoke("narrow", { ms: 100, file }, { deadlineMs: 20_000 })),
      );
      const pids = outcomes.map((outcome) => (outputOf(outcome) as { pid: number }).pid);
      expect(new Set(pids).size).toBe(3);
    });

    it("shares a burst between replicas that have nothing to do", async () => {
      const api = await open();
      for (let burst = 0; burst < 4; burst++) {
        const file = join(folder, `burst-${burst}`);
        const requests = Array.from({ length: 12 }, () => api.invoke("careful", { ms: 100, file }));
        expect(kinds(await Promise.all(requests))).toEqual({ answered: 12 });
        const pids = began(file).map((line) => line.split(" ")[3]);
        for (const pid of pids) expect(pids.filter((other) => other === pid).length).toBeLessThanOrEqual(6);
      }
    });

    it("tells what the task says: refused, never again, broken output", async () => {
      const api = await open();
      const file = join(folder, "notes");
      const refused = await api.invoke("failing", { file, how: "refused" });
      expect(refused).toMatchObject({ kind: "refused", message: "not like this" });
      const never = await api.invoke("failing", { file, how: "not_retryable" });
      expect(never).toMatchObject({ kind: "failed", fault: "task", message: "never" });
      const broken = await api.invoke("failing", { file, how: "output" });
      expect(broken).toMatchObject({ kind: "failed", fault: "invalid_output" });
      expect((await api.invoke("failing", { wrong: 1 })).kind).toBe("refused");
      expect(began(file)).toHaveLength(3);
    });

    it("retries an error on another replica, and at most three times in all", async () => {
      const api = await open();
      const once = await api.invoke("failing", { file: join(folder, "once"), times: 1 });
      expect(once).toMatchObject({ kind: "answered", timing: { attempts: 2 } });
      const file = join(folder, "always");
      const outcome = await api.invoke("failing", { file });
      expect(outcome).toMatchObject({
        kind: "failed",
        message: "as asked",
        attempts: [{ why: "first" }, { why: "retry" }, { why: "retry" }],
      });
      const pids = began(file).map((line) => line.split(" ")[3]);
      expect(pids).toHaveLength(3);
      expect(new Set(pids).size).toBe(3);
    });

    it("waits as long as the task asks before it tries again", async () => {
      const api = await open();
      const file = join(folder, "notes");
      const outcome = await api.invoke("failing", { file, how: "retry_after", times: 1 });
      expect(outcome.kind).toBe("answered");
      const [first, second] = began(file).map((line) => Number(line.split(" ")[4]));
      expect(second! - first!).toBeGreaterThanOrEqual(199);
    });

    it("does not repeat a task that must not run twice, whatever it throws", async () => {
      const api = await open();
      const file = join(folder, "notes");
      const outcome = await api.invoke("careful", { ms: 1, file, fail: true });
      expect(outcome).toMatchObject({ kind: "failed", attempts: [{ number: 1, outcome: "error" }] });
      expect(began(file)).toHaveLength(1);
    });

    it("bounds a storm of failures by the budget", async () => {
      const api = await open();
      const file = join(folder, "notes");
      const outcomes = await Promise.all(Array.from({ length: 300 }, () => api.invoke("failing", { file })));
      expect(kinds(outcomes)).toEqual({ failed: 300 });
      // 10% of 300, and 3 a second for 10 seconds.
      expect(began(file).length).toBeLessThanOrEqual(300 + 30 + 30);
    });

    it("serves two coordinators side by side", async () => {
      const [one, other] = [await open(), await open()];
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? one : other).invoke("echo", n)),
      );
      expect(outcomes.map(outputOf)).toEqual(Array.from({ length: 200 }, (_, n) => n));
      expect(one.coordinator.stats().outcomes.answered).toBe(100);
      expect(other.coordinator.stats().outcomes.answered).toBe(100);
    });

    it("answers what it cannot read with `unsupported`, and lets no list live for ever", async () => {
      await open();
      const client = connectRedis(redis.url, { kind: "command", commandTimeoutMs: 2_000 }, "test");
      await whenReady(client, redis.url, 5_000);
      const list = bed.keys.replies("later-version");
      await client.rpush(bed.keys.taskList("echo"), "2 job 1 later-version something new\n{}");
      const answer = await eventually("an answer", () => client.lindex(list, 0));
      expect(answer).toMatch(/^1 job 1 unsupported /);
      expect(await client.pttl(list)).toBeGreaterThan(0);
      closeRedis(client);
    });
  });

  describe("with replicas that come and go", () => {
    let bed: OnlineBed;
    beforeEach(() => {
      bed = new OnlineBed(redis.url);
    });
    afterEach(() => bed.stop());

    it("ends at the deadline, tells the handler, and starts nothing late", async () => {
      const { api, replicas } = await bed.start(1);
      const file = join(folder, "notes");
      const handle = api.coordinator.begin(api.request("patient", { file }, { deadlineMs: 1_500 }));
      expect((await handle.outcome).kind).toBe("deadline");
      await eventually("the handler was told", () => notes(file, "DeadlinePassed").length > 0);
      // A replica that was held up finds the entry when it is too late.
      const late = join(folder, "late");
      replicas[0]!.kill("SIGSTOP");
      expect((await api.invoke("slow", { ms: 1, file: late }, { deadlineMs: 300 })).kind).toBe("deadline");
      replicas[0]!.kill("SIGCONT");
      await api.sees(1);
      expect(outputOf(await api.invoke("echo", 1))).toBe(1);
      expect(began(late)).toEqual([]);
    });

    it("takes back what has not started and stops what runs when the caller goes", async () => {
      const { api } = await bed.start(1);
      const running = join(folder, "running");
      const handle = api.coordinator.begin(api.request("patient", { file: running }));
      await eventually("it runs", () => began(running).length > 0);
      handle.abort();
      expect(await handle.outcome).toEqual({ kind: "aborted" });
      await eventually("it was told", () => notes(running, "NoLongerWanted").length > 0);

      const waiting = join(folder, "waiting");
      const first = api.invoke("narrow", { ms: 500, file: waiting });
      const abort = new AbortController();
      const second = api.invoke("narrow", { ms: 1, file: waiting }, { signal: abort.signal });
      await eventually("the first runs", () => began(waiting).length > 0);
      abort.abort();
      expect((await second).kind).toBe("aborted");
      expect((await first).kind).toBe("answered");
      expect(outputOf(await api.invoke("echo", 1))).toBe(1);
      expect(began(waiting)).toHaveLength(1);
    });

    it("says at once that no worker has a task, and waits a moment when the last one was just replaced", async () => {
      const api = await bed.coordinator();
      expect(await api.invoke("echo", 1)).toEqual({ kind: "no_worker" });
      const [first, second] = await Promise.all([bed.replica(), bed.replica()]);
      await api.sees(2);
      second.kill("SIGSTOP"); // Stands for one that is just being started.
      await api.sees(1);
      expect(await first.drain()).toBe(0);
      await api.sees(0);
      const between = api.invoke("echo", 2);
      second.kill("SIGCONT");
      expect(outputOf(await between)).toBe(2);
    });

    it("drains without failing a request or costing it an attempt", async () => {
      const { api, replicas } = await bed.start(3);
      const file = join(folder, "notes");
      const requests: Promise<InvokeOutcome>[] = [];
      const load = setInterval(() => requests.push(api.invoke("slow", { ms: 50, file })), 5);
      await eventually("load runs", () => began(file).length > 20);
      for (const replica of replicas.slice(0, 2)) expect(await replica.drain()).toBe(0);
      const before = began(file).length;
      await eventually("load goes on", () => began(file).length > before + 20);
      clearInterval(load);
      expect(kinds(await Promise.all(requests))).toEqual({ answered: requests.length });
      expect(api.coordinator.stats()).toMatchObject({ retries: 0, losses: 0 });
    });

    it("sends input that only one of two live definitions takes to a replica that has it", async () => {
      const old = await bed.replica();
      const newer = await bed.replica({ taskModules: [NEWER_TASKS] });
      const api = await bed.coordinator();
      await api.sees(2);
      const past = api.definitions.get("versioned")!;
      const later = (await definitionsOf([NEWER_TASKS])).get("versioned")!;
      for (let n = 0; n < 20; n++) {
        const added = await api.invoke("versioned", { added: n }, { definitions: [later] });
        expect(outputOf(added)).toEqual({ version: 2, pid: newer.pid });
        const plain = await api.invoke("versioned", { old: "x" }, { definitions: [past] });
        expect(outputOf(plain)).toEqual({ version: 1, pid: old.pid });
      }
      const either = await Promise.all(
        Array.from({ length: 40 }, () => api.invoke("versioned", {}, { definitions: [later, past] })),
      );
      expect(kinds(either)).toEqual({ answered: 40 });
    });
  });
});
