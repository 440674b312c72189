import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Worker } from "../../src/contract/worker.ts";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { judgeWorkers } from "../../src/cli/doctor/fleet.ts";
import { checkNode, checkOpenFiles } from "../../src/cli/doctor/machine.ts";
import { checkStore as checkStoreWith } from "../../src/cli/doctor/store.ts";
import { NO_STORE_ACCESS } from "../../src/checkpoints/checkpoints.ts";
import { judgeRedis, parseInfo, type RedisFacts } from "../../src/cli/doctor/redis-findings.ts";

const checkStore = async (url: string): Promise<Finding[]> => await checkStoreWith(url, NO_STORE_ACCESS);

const HEALTHY = {
  redis_version: "7.0.15",
  maxmemory_policy: "noeviction",
  maxmemory: "0",
  used_memory: "1000000",
  total_system_memory: "8000000000",
  aof_enabled: "1",
  aof_last_write_status: "ok",
  connected_slaves: "0",
};

function redis(info: Record<string, string>, change: Partial<RedisFacts> = {}): Map<string, Finding> {
  const facts: RedisFacts = {
    node: "",
    info: new Map(Object.entries({ ...HEALTHY, ...info })),
    appendfsync: "everysec",
    clock: { offsetMs: 3, errorMs: 1 },
    roundTripMs: 0.2,
    durability: "fast",
    ...change,
  };
  return new Map(judgeRedis(facts).map((finding) => [finding.check, finding]));
}

const verdicts = (findings: ReadonlyMap<string, Finding>): (string | undefined)[] => [
  ...new Set([...findings.values()].map(({ verdict }) => verdict)),
];

describe("cairn doctor on Redis", () => {
  it("finds nothing on one that is set up as it should be", () => {
    expect(verdicts(redis({}))).toEqual(["ok"]);
    expect(redis({}).get("Redis append-only file")?.found).toBe("on, appendfsync everysec");
  });

  it("fails one that is too old, evicts, cannot write or is full; and says what to do", () => {
    const failing: [Record<string, string>, string][] = [
      [{ redis_version: "6.2.14" }, "Redis version"],
      [{ maxmemory_policy: "allkeys-lru", maxmemory: "1000000000" }, "Redis eviction"],
      [{ aof_last_write_status: "err" }, "Redis persistence"],
      [{ maxmemory: "1050000" }, "Redis memory"],
    ];
    for (const [info, check] of failing) {
      const finding = redis(info).get(check);
      expect([check, finding?.verdict]).toEqual([check, "fail"]);
      expect(finding?.advice).toMatch(/[A-Z].+\.$/);
    }
  });

  it("warns of what will hurt some day", () => {
    expect(redis({ aof_enabled: "0" }).get("Redis append-only file")?.verdict).toBe("warn");
    expect(redis({}, { appendfsync: "no" }).get("Redis append-only file")?.verdict).toBe("warn");
    expect(redis({ maxmemory_policy: "volatile-lru" }).get("Redis eviction")?.verdict).toBe("warn");
    expect(redis({ maxmemory: "1250000" }).get("Redis memory")?.verdict).toBe("warn");
    expect(redis({}, { clock: { offsetMs: -5_000, errorMs: 1 } }).get("clock of Redis")).toMatchObject({
      verdict: "warn",
      found: "5s behind this machine (±1ms)",
    });
    expect(redis({}, { clock: { offsetMs: 1_500, errorMs: 900 } }).get("clock of Redis")?.verdict).toBe("ok");
    expect(redis({}, { roundTripMs: 40 }).get("way to Redis")?.verdict).toBe("warn");
  });

  it("takes Valkey by its own version, and a server that hides its settings", () => {
    expect(redis({ valkey_version: "8.0.1", redis_version: "7.2.4" }).get("Redis version")?.found).toBe("Valkey 8.0.1");
    expect(redis({}, { appendfsync: null }).get("Redis append-only file")).toMatchObject({
      verdict: "ok",
      found: "on",
    });
  });

  it("wants a replica when durability is replicated", () => {
    expect(redis({}, { durability: "replicated" }).get("Redis replicas")?.verdict).toBe("fail");
    expect(redis({ connected_slaves: "1" }, { durability: "replicated" }).get("Redis replicas")?.verdict).toBe("ok");
  });

  it("names the node when there are several", () => {
    expect([...redis({}, { node: "10.0.0.1:7001" }).keys()][0]).toBe("Redis version (10.0.0.1:7001)");
  });

  it("reads INFO with its sections, line ends and colons", () => {
    expect(parseInfo("# Server\r\nredis_version:7.0.15\r\nexecutable:/a:b\r\n\r\n")).toEqual(
      new Map([
        ["redis_version", "7.0.15"],
        ["executable", "/a:b"],
      ]),
    );
  });
});

describe("cairn doctor on this machine", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  it("does in the store what a checkpoint does, and leaves nothing there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cairn-doctor-"));
    folders.push(folder);
    expect((await checkStore(`file:${folder}`))[0]).toMatchObject({ verdict: "ok", found: folder });
    expect((await checkStore(`file:${folder}/not/yet`))[0]).toMatchObject({
      verdict: "ok",
      found: `${folder}/not/yet (will be made)`,
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it("fails a store that cannot be written, or that this version does not know", async () => {
    const [finding] = await checkStore("file:/proc/cairn");
    expect(finding?.verdict).toBe("fail");
    expect(finding?.advice).toContain("CAIRN_STORE");
    expect(await checkStore("ftp://bucket")).toMatchObject([{ verdict: "fail" }]);
    expect(await checkStore("file:relative")).toMatchObject([{ verdict: "fail" }]);
  });

  it("knows which Node is too old, and how many open files are few", () => {
    expect(["20.19.0", "22.0.0", "20.18.9", "18.20.0"].map((version) => checkNode(version).verdict)).toEqual([
      "ok",
      "ok",
      "fail",
      "fail",
    ]);
    const line = (soft: string): string =>
      `Max open files            ${soft}                 1048576              files\n`;
    expect([line("1024"), line("65536"), line("unlimited")].map((text) => checkOpenFiles(text)[0]?.verdict)).toEqual([
      "warn",
      "ok",
      "ok",
    ]);
    expect(checkOpenFiles(null)).toEqual([]);
  });
});

describe("cairn doctor on the fleet", () => {
  const worker = (id: string, state: Worker["state"], version = "1.0.0"): Worker => ({ id, state, version }) as Worker;
  const of = (...workers: Worker[]): Record<string, string> =>
    Object.fromEntries(judgeWorkers(workers).map(({ check, verdict }) => [check, verdict]));

  it("warns of no ready worker, lost ones, those set aside, and two versions side by side", () => {
    expect(of(worker("a", "ready"))).toEqual({ workers: "ok", "versions of workers": "ok" });
    expect(of()).toEqual({ workers: "warn" });
    expect(of(worker("a", "ready"), worker("b", "ready", "1.1.0"))["versions of workers"]).toBe("warn");
    expect(of(worker("a", "ready"), worker("b", "lost", "0.9.0"))).toMatchObject({
      "lost workers": "warn",
      "versions of workers": "ok",
    });
    expect(of(worker("a", "quarantined"))["workers set aside"]).toBe("warn");
  });
});
